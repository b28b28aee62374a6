using System.Runtime.CompilerServices;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore.Http;
using MLPlatform.UnderStore.Retry;

namespace MLPlatform.UnderStore.S3;

/// <summary>Listing: one level, or everything in a range of keys. Keys must come in order; a server whose keys do not is refused rather than listed wrongly.</summary>
internal sealed partial class S3UnderStore
{
    private const int PageKeys = 1000;

    // 1,000 keys of 1,024 bytes, each byte escaped as "%XX", with their other fields.
    private const int MaxListBytes = 8 << 20;

    // A bucket full of delete markers answers with a few empty pages; more than this is a server that goes in circles.
    private const int MaxEmptyPages = 1000;

    internal int RootLength => _root.Length;

    // A LIST behind which a server skips many keys begins later than a GET.
    private TimeSpan ListFirstByte => _options.FirstByteTimeout * 6;

    public async ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken)
    {
        if (path.IsEmpty)
        {
            return new StoreEntry { Path = [], Kind = StoreEntryKind.Directory };
        }

        // A directory shadows a file of its name, so both are asked for, and at once.
        byte[] key = KeyOf(path.Span);
        Task<ListAnswer> below = ListAsync(ListQuery([.. key, (byte)'/'], delimiter: false, maxKeys: 1, startAfter: null, token: null), cancellationToken);
        Task<StoreEntry?> itself = HeadAsync(path.ToArray(), key, cancellationToken);
        await Task.WhenAll(below, itself);
        ListAnswer found = await below;
        return found.Keys.Count > 0 || found.IsTruncated
            ? new StoreEntry { Path = path.ToArray(), Kind = StoreEntryKind.Directory }
            : await itself;
    }

    public async IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] prefix = directory.IsEmpty ? _root : [.. _root, .. directory.Span, (byte)'/'];
        byte[]? lastKey = null;
        byte[]? lastPrefix = null;
        byte[]? token = null;
        int empty = 0;
        while (true)
        {
            byte[]? after = token is null ? Later(lastKey, lastPrefix) : null;
            ListAnswer answer = await ListAsync(ListQuery(prefix, delimiter: true, PageKeys, after, token), cancellationToken);
            List<StoreEntry> page = new(answer.Keys.Count + answer.CommonPrefixes.Count);
            foreach (ListedKey listed in answer.Keys)
            {
                if (Advance(ref lastKey, listed.Key, prefix) && listed.Key.Length > prefix.Length)
                {
                    page.Add(FileEntry(listed));
                }
            }

            foreach (byte[] common in answer.CommonPrefixes)
            {
                if (Advance(ref lastPrefix, common, prefix) && common.Length > prefix.Length)
                {
                    page.Add(new StoreEntry { Path = common[_root.Length..^1], Kind = StoreEntryKind.Directory });
                }
            }

            if (page.Count > 0)
            {
                yield return page;
            }

            if (!answer.IsTruncated)
            {
                yield break;
            }

            token = NextToken(answer, token, page.Count, ref empty);
        }
    }

    public async IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] prefix = [.. _root, .. unit.Prefix];
        byte[]? last = unit.After is null ? null : KeyOf(unit.After);
        byte[]? before = unit.Before is null ? null : KeyOf(unit.Before);
        byte[]? token = null;
        int empty = 0;
        ListSplitter splitter = new(this, unit.Prefix, isPart: unit.After is not null);
        while (true)
        {
            ListAnswer answer = await ListAsync(ListQuery(prefix, delimiter: false, PageKeys, token is null ? last : null, token), cancellationToken);
            List<StoreEntry> entries = new(answer.Keys.Count);
            bool reachedEnd = false;
            int advanced = 0;
            foreach (ListedKey listed in answer.Keys)
            {
                if (before is not null && listed.Key.AsSpan().SequenceCompareTo(before) >= 0)
                {
                    reachedEnd = true;
                    break;
                }

                if (!Advance(ref last, listed.Key, prefix))
                {
                    continue;
                }

                advanced++;
                splitter.Listed(listed.Key);
                if (listed.Key.Length > _root.Length)
                {
                    entries.Add(Entry(listed));
                }
            }

            if (reachedEnd || !answer.IsTruncated)
            {
                yield return new ListPage(entries, null, []);
                yield break;
            }

            token = NextToken(answer, token, advanced, ref empty);
            if (last is null)
            {
                continue; // Empty pages from the start: nothing yet that the unit could be continued from.
            }

            (before, IReadOnlyList<ListUnit> parts) = await splitter.SplitAsync(last, before, cancellationToken);
            yield return new ListPage(entries, unit with { After = last[_root.Length..], Before = before?[_root.Length..] }, parts);
        }
    }

    /// <summary>What <see cref="ListSplitter"/> asks: one LIST within a unit's prefix.</summary>
    internal Task<ListAnswer> ProbeAsync(byte[] unitPrefix, bool delimiter, int maxKeys, byte[] after, CancellationToken cancellationToken) =>
        ListAsync(ListQuery([.. _root, .. unitPrefix], delimiter, maxKeys, after, token: null), cancellationToken);

    /// <summary>Moves a position forward.</summary>
    /// <returns>False when <paramref name="key"/> is the position itself, which some servers repeat.</returns>
    /// <exception cref="CacheException"><c>Unsupported</c>: the key lies before it, or outside the prefix.</exception>
    private bool Advance(ref byte[]? last, byte[] key, byte[] prefix)
    {
        if (!key.AsSpan().StartsWith(prefix))
        {
            throw S3Errors.NotS3(Target(), Uri, $"a LIST of '{Encoding.UTF8.GetString(prefix)}' holds '{Encoding.UTF8.GetString(key)}'");
        }

        if (last is not null)
        {
            int order = key.AsSpan().SequenceCompareTo(last);
            if (order == 0)
            {
                return false;
            }

            if (order < 0)
            {
                throw S3Errors.NotS3(Target(), Uri, $"a LIST has '{Encoding.UTF8.GetString(key)}' after '{Encoding.UTF8.GetString(last)}', so keys are out of order or repeat and cannot be listed safely");
            }
        }

        last = key;
        return true;
    }

    /// <summary>Where to go on; null means after the last key, for servers that give no token or always the same.</summary>
    /// <param name="found">Keys and prefixes that the page brought.</param>
    private byte[]? NextToken(ListAnswer answer, byte[]? used, int found, ref int empty)
    {
        empty = found > 0 ? 0 : empty + 1;
        bool circling = answer.NextToken is { } next && used is not null && next.AsSpan().SequenceEqual(used);
        if (empty > MaxEmptyPages || (found == 0 && (circling || answer.NextToken is null)))
        {
            throw S3Errors.NotS3(Target(), Uri, "a LIST says that there is more and never comes to it");
        }

        return circling ? null : answer.NextToken;
    }

    /// <summary>A place behind the last key and everything below the last common prefix: U+10FFFF, the last character, sorts after all that follows a slash.</summary>
    private static byte[]? Later(byte[]? key, byte[]? prefix)
    {
        byte[]? end = prefix is null ? null : [.. prefix, 0xF4, 0x8F, 0xBF, 0xBF];
        return key is null ? end : end is null || key.AsSpan().SequenceCompareTo(end) > 0 ? key : end;
    }

    private StoreEntry FileEntry(ListedKey listed) => new()
    {
        Path = listed.Key[_root.Length..],
        Kind = StoreEntryKind.File,
        Size = listed.Size,
        MtimeNanoseconds = listed.MtimeNanoseconds,
        Identity = listed.Identity,
    };

    /// <summary>An empty key that ends with a slash is how consoles and tools write an empty directory.</summary>
    private StoreEntry Entry(ListedKey listed) => listed.Size == 0 && listed.Key[^1] == '/'
        ? new StoreEntry { Path = listed.Key[_root.Length..^1], Kind = StoreEntryKind.Directory, MtimeNanoseconds = listed.MtimeNanoseconds }
        : FileEntry(listed);

    private async Task<StoreEntry?> HeadAsync(byte[] path, byte[] key, CancellationToken cancellationToken) =>
        await _retrier.RunAsync(new HeadState(this, path, key), static (s, token) => s.Store.HeadOnceAsync(s, token), cancellationToken);

    private async ValueTask<StoreEntry?> HeadOnceAsync(HeadState state, CancellationToken cancellationToken)
    {
        Counters.AddHead();
        HttpConnection connection;
        try
        {
            connection = await SendAsync(new S3Request(true, state.Key, []), _options.FirstByteTimeout, cancellationToken);
        }
        catch (CacheException e) when (e.Error == CacheError.NotFound)
        {
            return null; // A missing bucket shows in the LIST beside it.
        }

        try
        {
            HttpResponseHead head = connection.Head;
            if (head.ContentLength < 0)
            {
                throw S3Errors.NotS3(Target(), ObjectUri(state.Key), "a HEAD without Content-Length");
            }

            _ = S3Time.TryParseHttp(connection.Header(head.LastModified), out long mtime);
            return new StoreEntry
            {
                Path = state.Path,
                Kind = StoreEntryKind.File,
                Size = head.ContentLength,
                MtimeNanoseconds = mtime,
                Identity = ObjectIdentity.FromETag(connection.HeaderText(head.ETag)),
            };
        }
        finally
        {
            connection.Release();
        }
    }

    private Task<ListAnswer> ListAsync(byte[] query, CancellationToken cancellationToken) =>
        ListAsync(new ListState(this, query, ListFirstByte), cancellationToken);

    private Task<ListAnswer> ListAsync(ListState state, CancellationToken cancellationToken) =>
        _retrier.RunAsync(state, static (s, token) => s.Store.ListOnceAsync(s, token), cancellationToken);

    private async ValueTask<ListAnswer> ListOnceAsync(ListState state, CancellationToken cancellationToken)
    {
        Counters.AddList();
        HttpConnection connection = await SendAsync(new S3Request(false, null, state.Query), state.FirstByte, cancellationToken);
        try
        {
            string type = connection.HeaderText(connection.Head.ContentType);
            using BodyBuffer body = new();
            await connection.ReadAllAsync(body, MaxListBytes);
            return ListAnswer.Parse(body.Written) ?? throw S3Errors.NotS3(Target(), Uri, $"a LIST is answered with {(type.Length > 0 ? type : "something else")}");
        }
        catch (HttpFault fault)
        {
            throw S3Errors.From(fault, Target(), Uri);
        }
        finally
        {
            connection.Release();
        }
    }

    /// <summary>The canonical query of a LIST: names sorted, values encoded.</summary>
    private static byte[] ListQuery(byte[] prefix, bool delimiter, int maxKeys, byte[]? startAfter, byte[]? token)
    {
        ByteWriter query = new(128 + (3 * (prefix.Length + (startAfter?.Length ?? 0) + (token?.Length ?? 0))));
        if (token is not null)
        {
            query.Write("continuation-token="u8);
            S3Encoding.Encode(query, token, keepSlash: false);
            query.Write((byte)'&');
        }

        if (delimiter)
        {
            query.Write("delimiter=%2F&"u8);
        }

        query.Write("encoding-type=url&list-type=2&max-keys="u8);
        query.Write(maxKeys);
        query.Write("&prefix="u8);
        S3Encoding.Encode(query, prefix, keepSlash: false);
        if (startAfter is not null)
        {
            query.Write("&start-after="u8);
            S3Encoding.Encode(query, startAfter, keepSlash: false);
        }

        return query.Written.ToArray();
    }

    private sealed class HeadState(S3UnderStore store, byte[] path, byte[] key) : RetryState
    {
        public S3UnderStore Store { get; } = store;

        public byte[] Path { get; } = path;

        public byte[] Key { get; } = key;
    }

    private sealed class ListState(S3UnderStore store, byte[] query, TimeSpan firstByte) : RetryState
    {
        public S3UnderStore Store { get; } = store;

        public byte[] Query { get; } = query;

        public TimeSpan FirstByte { get; } = firstByte;
    }
}
