using System.Globalization;
using MLPlatform.Core;

namespace MLPlatform.Cli.Inspection;

/// <summary>The table of <c>mlp stats</c>: groups of columns, each with a heading, a width and a value made of two snapshots.</summary>
internal static class StatsColumns
{
    private sealed record Column(string Heading, int Width, Func<StatsSnapshot?, StatsSnapshot, double, string> Value);

    private static readonly (string Heading, Column[] Columns)[] s_groups =
    [
        ("usage",
        [
            new("cpu", 5, static (a, b, s) => Percent(Delta(a, b, "cpu_s") / s)),
            new("rss", 8, static (_, b, _) => Bytes(b["rss_bytes"])),
            new("budget", 8, static (_, b, _) => Bytes(b["budget_used_bytes"])),
        ]),
        ("fuse requests/s",
        [
            new("all", 7, static (a, b, s) => Count((b.Sum("fuse_requests") - (a?.Sum("fuse_requests") ?? 0)) / s)),
            new("lookup", 7, static (a, b, s) => Count(Delta(a, b, "fuse_requests.lookup") / s)),
            new("getattr", 7, static (a, b, s) => Count(Delta(a, b, "fuse_requests.getattr") / s)),
            new("open", 7, static (a, b, s) => Count(Delta(a, b, "fuse_requests.open") / s)),
            new("read", 7, static (a, b, s) => Count(Delta(a, b, "fuse_requests.read") / s)),
        ]),
        ("read",
        [
            new("bytes/s", 9, static (a, b, s) => Bytes(Delta(a, b, "read_bytes") / s)),
            new("hit", 5, static (a, b, _) => HitRatio(a, b)),
            new("errors", 6, static (a, b, _) => Count(Delta(a, b, "read_errors"))),
        ]),
        ("cache",
        [
            new("disk/s", 9, static (a, b, s) => Bytes(Delta(a, b, "hit_bytes.disk") / s)),
            new("held", 8, static (_, b, _) => Bytes(b.Sum("cached_bytes"))),
        ]),
        ("origin",
        [
            new("bytes/s", 9, static (a, b, s) => Bytes(Delta(a, b, "origin_bytes") / s)),
            new("get/s", 7, static (a, b, s) => Count(Delta(a, b, "origin_requests.get") / s)),
            new("list/s", 6, static (a, b, s) => Count(Delta(a, b, "origin_requests.list") / s)),
            new("retries", 7, static (a, b, _) => Count(Delta(a, b, "origin_retries"))),
            new("errors", 6, static (a, b, _) => Count(Delta(a, b, "origin_errors"))),
        ]),
    ];

    public static IEnumerable<string> Headings()
    {
        yield return string.Join(' ', s_groups.Select(static g => Center(g.Heading, Width(g.Columns))));
        yield return string.Join('|', s_groups.Select(static g => string.Join(' ', g.Columns.Select(static c => c.Heading.PadLeft(c.Width)))));
    }

    /// <param name="before">Null: everything since the mount began.</param>
    /// <param name="seconds">Between the two.</param>
    public static string Line(StatsSnapshot? before, StatsSnapshot now, double seconds) =>
        string.Join('|', s_groups.Select(g => string.Join(' ', g.Columns.Select(c => c.Value(before, now, Math.Max(seconds, 0.001)).PadLeft(c.Width)))));

    private static double Delta(StatsSnapshot? before, StatsSnapshot now, string key) => now[key] - (before?[key] ?? 0);

    private static string HitRatio(StatsSnapshot? before, StatsSnapshot now)
    {
        double hits = now.Sum("hit_bytes") - (before?.Sum("hit_bytes") ?? 0);
        double all = hits + Delta(before, now, "miss_bytes");
        return all > 0 ? Percent(hits / all) : "-";
    }

    private static string Percent(double ratio) => (ratio * 100).ToString("0", CultureInfo.InvariantCulture) + "%";

    private static string Bytes(double bytes) => ByteSize.Format((long)bytes).Replace(" ", "", StringComparison.Ordinal);

    private static string Count(double count) => count switch
    {
        >= 1e7 => (count / 1e6).ToString("0", CultureInfo.InvariantCulture) + "M",
        >= 1e4 => (count / 1e3).ToString("0.0", CultureInfo.InvariantCulture) + "k",
        >= 10 or 0 => count.ToString("0", CultureInfo.InvariantCulture),
        _ => count.ToString("0.#", CultureInfo.InvariantCulture),
    };

    private static int Width(Column[] columns) => columns.Sum(static c => c.Width) + columns.Length - 1;

    private static string Center(string text, int width)
    {
        int left = (width - text.Length) / 2;
        return (new string('-', Math.Max(0, left)) + text).PadRight(width, '-');
    }
}
