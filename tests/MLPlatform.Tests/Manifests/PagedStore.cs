using System.Runtime.CompilerServices;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Manifests;

/// <summary>A fixed list of entries, handed out in small pages: as one directory after the other, or as ranges of keys that are halved.</summary>
internal sealed class PagedStore(IReadOnlyList<StoreEntry> entries, bool byDirectory, int pageSize = 3) : IUnderStore
{
    private readonly StoreEntry[] _sorted = [.. entries.OrderBy(e => e.Path, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))];

    public string Uri => "s3://bucket/data";

    public bool ReadsAreGuarded => true;

    public int SuggestedParallelism => 4;

    public UnderStoreCounters Counters { get; } = new();

    /// <summary>Thrown in place of the page with this number, counted over all enumerations from 1.</summary>
    public (int Page, Exception Fault)? FailAt { get; set; }

    public int Pages { get; private set; }

    public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken)
    {
        byte[] prefix = [.. path.Span, (byte)'/'];
        StoreEntry? found = _sorted.FirstOrDefault(e => e.Path.AsSpan().SequenceEqual(path.Span));
        found ??= _sorted.Any(e => e.Path.AsSpan().StartsWith(prefix)) ? new StoreEntry { Path = path.ToArray(), Kind = StoreEntryKind.Directory } : null;
        return ValueTask.FromResult(found);
    }

    public IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, CancellationToken cancellationToken) => throw new NotSupportedException();

    public async IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ListUnit? rest = unit;
        while (rest is not null)
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            lock (Counters)
            {
                Pages++;
                if (FailAt is { } fail && fail.Page == Pages)
                {
                    throw fail.Fault;
                }
            }

            ListPage page = byDirectory ? DirectoryPage(rest) : RangePage(rest);
            rest = page.Rest;
            yield return page;
        }
    }

    public Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Microsoft.Win32.SafeHandles.SafeFileHandle? OpenLocal(StoreObject storeObject) => null;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static bool IsIn(ListUnit unit, ReadOnlySpan<byte> path) =>
        path.StartsWith(unit.Prefix)
        && (unit.After is null || path.SequenceCompareTo(unit.After) > 0)
        && (unit.Before is null || path.SequenceCompareTo(unit.Before) < 0);

    private ListPage RangePage(ListUnit unit)
    {
        StoreEntry[] all = [.. _sorted.Where(e => IsIn(unit, e.Path))];
        if (all.Length <= pageSize)
        {
            return new ListPage(all, null, []);
        }

        StoreEntry[] page = all[..pageSize];
        byte[] middle = all[(all.Length + pageSize) / 2].Path;
        ListUnit low = unit with { After = page[^1].Path, Before = middle };
        ListUnit high = unit with { After = all[((all.Length + pageSize) / 2) - 1].Path };
        return new ListPage(page, low, [high]);
    }

    private ListPage DirectoryPage(ListUnit unit)
    {
        int depth = unit.Prefix.Length;
        var names = new List<(byte[] Path, StoreEntry? Entry)>();
        foreach (StoreEntry entry in _sorted.Where(e => e.Path.AsSpan().StartsWith(unit.Prefix)))
        {
            int slash = entry.Path.AsSpan(depth).IndexOf((byte)'/');
            byte[] child = slash < 0 ? entry.Path : entry.Path[..(depth + slash)];
            if (names.Count == 0 || !names[^1].Path.AsSpan().SequenceEqual(child) || slash < 0)
            {
                names.Add((child, slash < 0 ? entry : null));
            }
        }

        (byte[] Path, StoreEntry? Entry)[] left = [.. names.Where(n => IsIn(unit, n.Path)).OrderBy(n => n.Path, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))];
        (byte[] Path, StoreEntry? Entry)[] page = left[..Math.Min(pageSize, left.Length)];
        return new ListPage(
            [.. page.Select(p => p.Entry ?? new StoreEntry { Path = p.Path, Kind = StoreEntryKind.Directory, MtimeNanoseconds = 7 })],
            page.Length < left.Length ? unit with { After = page[^1].Path } : null,
            [.. page.Where(p => p.Entry is null).Select(p => new ListUnit([.. p.Path, (byte)'/']))]);
    }
}
