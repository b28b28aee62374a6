using System.Globalization;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>One record of a file list: <c>PATH</c>, or <c>PATH⇥SIZE⇥ETAG⇥MTIME</c>. Immutable.</summary>
/// <param name="Line">Counted from 1.</param>
/// <param name="Path">Below the store's root: no <c>./</c> in front, no slash at the end; empty for the root.</param>
/// <param name="Known">What the columns say, where all of them say something.</param>
internal sealed record FileListRecord(long Line, byte[] Path, StoreEntry? Known)
{
    private const byte Tab = (byte)'\t';
    private const int Columns = 4;

    /// <summary>Control bytes and bytes that are no UTF-8 show as U+FFFD.</summary>
    public string DisplayPath => new SkippedName(Path, SkipReason.None).DisplayPath;

    /// <summary>Reads one record.</summary>
    /// <param name="list">For messages.</param>
    /// <returns>Null for an empty one.</returns>
    /// <exception cref="CacheException"><c>Configuration</c>: names line and path.</exception>
    public static FileListRecord? Parse(ReadOnlySpan<byte> record, long line, string list)
    {
        if (record.IsEmpty)
        {
            return null;
        }

        // The last three tabs divide, so that a path with tabs in it can be given too, with empty columns behind it.
        int tabs = record.Count(Tab);
        ReadOnlySpan<byte> path = record;
        Span<Range> columns = stackalloc Range[Columns - 1];
        if (tabs > 0)
        {
            if (tabs < Columns - 1)
            {
                throw Bad(list, line, record[..record.IndexOf(Tab)], "has some columns and not all; write PATH, or PATH, SIZE, ETAG and MTIME with tabs between them");
            }

            for (int i = columns.Length - 1; i >= 0; i--)
            {
                int tab = path.LastIndexOf(Tab);
                columns[i] = (tab + 1)..path.Length;
                path = path[..tab];
            }
        }

        ReadOnlySpan<byte> trimmed = Trim(path, out bool isDirectory);
        string size = Encoding.UTF8.GetString(record[columns[0]]);
        string etag = Encoding.UTF8.GetString(record[columns[1]]);
        string mtime = Encoding.UTF8.GetString(record[columns[2]]);
        if (tabs == 0 || size.Length == 0 || etag.Length == 0 || mtime.Length == 0)
        {
            return new FileListRecord(line, trimmed.ToArray(), null);
        }

        if (!long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes))
        {
            throw Bad(list, line, path, $"has no number of bytes but '{size}'");
        }

        if (!TryParseTime(mtime, out long nanoseconds))
        {
            throw Bad(list, line, path, $"has no time but '{mtime}'; write seconds since 1970 or 2026-01-31T12:00:00Z");
        }

        byte[] copy = trimmed.ToArray();
        return new FileListRecord(line, copy, new StoreEntry
        {
            Path = copy,
            Kind = isDirectory ? StoreEntryKind.Directory : StoreEntryKind.File,
            Size = isDirectory ? 0 : bytes,
            MtimeNanoseconds = nanoseconds,
            Identity = isDirectory ? ObjectIdentity.None : ObjectIdentity.FromETag(etag),
        });
    }

    /// <summary>As find(1) and ls(1) write paths: with <c>./</c> in front and a slash behind directories.</summary>
    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> path, out bool isDirectory)
    {
        while (path.StartsWith("./"u8))
        {
            path = path[2..];
        }

        isDirectory = path is [.., (byte)'/'];
        return path is [(byte)'.'] ? [] : isDirectory ? path[..^1] : path;
    }

    private static bool TryParseTime(string text, out long nanoseconds)
    {
        const decimal Billion = 1_000_000_000m;
        const int TickNanoseconds = 100;
        nanoseconds = 0;
        if (decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal seconds))
        {
            bool fits = Math.Abs(seconds) < long.MaxValue / Billion;
            nanoseconds = fits ? (long)(seconds * Billion) : 0;
            return fits;
        }

        // The parser takes much that only looks like a time.
        bool isTime = text.Length >= 10 && text[4] == '-' && text[7] == '-'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            && time.UtcDateTime.Year is >= 1700 and < 2262
            && (nanoseconds = (time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * TickNanoseconds) is var _;
        return isTime;
    }

    private static CacheException Bad(string list, long line, ReadOnlySpan<byte> path, string what) =>
        new(CacheError.Configuration, $"{list}, line {line}: '{new SkippedName(path.ToArray(), SkipReason.None).DisplayPath}' {what}.");
}
