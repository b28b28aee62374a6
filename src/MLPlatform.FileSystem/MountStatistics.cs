using System.Text;
using MLPlatform.Client;
using MLPlatform.Datasets;
using MLPlatform.Fuse;
using MLPlatform.UnderStore;

namespace MLPlatform.FileSystem;

/// <summary>
/// What one mount tells of itself: <see cref="Collect"/> is the one list of its metrics, which <c>.mlp/stats</c> and <c>--metrics</c> only write
/// differently. A further number is one more line there. Any thread may call it.
/// </summary>
internal sealed class MountStatistics(MountRequest request, DatasetFileSystem fileSystem, FuseSession session, MountProfile profile)
{
    private readonly long _started = request.Time.GetTimestamp();

    public string ToJson() => MetricsText.ToJson(Collect());

    public string ToPrometheus() => MetricsText.ToPrometheus(Collect());

    /// <summary>Everything as it is now, in the order in which it is shown.</summary>
    public IReadOnlyList<MountMetric> Collect()
    {
        ReaderCounters reader = request.Reader.Counters;
        LocalCounters? local = request.Local?.Counters;
        TreeStatus tree = request.Tree.Status;
        List<(string, long)> hits = [("memory", reader.HitBytes), .. Words(local?.HitBytes)];
        return
        [
            MountMetric.Gauge("uptime_s", Seconds(request.Time.GetElapsedTime(_started)), "Seconds since the mount began."),
            MountMetric.Counter("cpu_s", Seconds(Environment.CpuUsage.TotalTime), "CPU seconds of the process, user and system."),
            MountMetric.Gauge("rss_bytes", Environment.WorkingSet, "Resident memory of the process."),
            MountMetric.Gauge("budget_used_bytes", request.Budget.UsedBytes, "Payload memory in use."),
            MountMetric.Gauge("budget_limit_bytes", request.Budget.LimitBytes, "Payload memory that may be used."),
            MountMetric.Counters("fuse_requests", "operation", session.RequestCounts().Select(static pair => (pair.Key, pair.Value)), "Requests of the kernel; what its page cache served is not among them."),
            MountMetric.Counter("read_bytes", reader.ReadBytes, "Bytes given to readers."),
            MountMetric.Counter("read_errors", fileSystem.Failures, "Requests that failed."),
            MountMetric.Counters("hit_bytes", "tier", hits, "Bytes given to readers that were at hand when they asked, by where they were."),
            MountMetric.Counter("miss_bytes", reader.MissBytes - (local?.ReaderHitBytes ?? 0), "Bytes given to readers that had to be fetched."),
            MountMetric.Counter("origin_bytes", Sum(static c => c.Bytes), "Payload bytes received from the stores."),
            MountMetric.Counters(
                "origin_requests", "request", [("get", Sum(static c => c.Gets)), ("head", Sum(static c => c.Heads)), ("list", Sum(static c => c.Lists))], "Requests sent to the stores."),
            MountMetric.Counter("origin_errors", Sum(static c => c.Errors), "Requests to the stores that failed, whether or not a later try succeeded."),
            MountMetric.Counter("origin_retries", Sum(static c => c.Retries), "Requests to the stores made again after a failure."),
            MountMetric.Counter("prefetch_bytes", reader.PrefetchBytes, "Bytes that arrived before anybody had asked for them."),
            MountMetric.Counter("prefetch_wasted_bytes", reader.PrefetchWastedBytes, "Of these, bytes dropped before anybody asked."),
            .. Cache(local),
            MountMetric.Gauge("open_files", profile == MountProfile.Shards ? fileSystem.OpenFileCount : reader.OpenFiles, "Files with state in the process."),
            MountMetric.Counter("passthrough_opens", fileSystem.PassthroughOpens, "Opens whose reads the kernel serves from the local file itself."),
            MountMetric.Gauge("kernel_references", fileSystem.KernelReferences, "Names that the kernel remembers."),
            MountMetric.Word("profile", ProfileName(profile)),
            MountMetric.Word("dataset.name", tree.Dataset),
            MountMetric.Text("dataset.version", tree.Version),
            MountMetric.Word("dataset.mode", ModeName(tree)),
            MountMetric.Gauge("dataset.files", tree.Files, "Files of the version shown; while listing, those known so far."),
            MountMetric.Gauge("dataset.bytes", tree.Bytes, "Bytes of those files."),
        ];
    }

    /// <summary>What the cache tells; nothing without one.</summary>
    private static MountMetric[] Cache(LocalCounters? local) => local is null
        ? []
        :
        [
            MountMetric.Gauges("cached_bytes", "tier", Words(local.CachedBytes), "Payload in the cache, of all its datasets."),
            MountMetric.Gauge("cached_files", local.CachedFiles, "Files of which something is in the cache."),
            MountMetric.Gauge("cache_disk_bytes", local.DiskBytes, "Bytes that the cache takes on its disks."),
            MountMetric.Gauge("cache_limit_bytes", local.LimitBytes, "Bytes that it may take."),
            MountMetric.Counter("cache_written_bytes", local.WrittenBytes, "Payload written to the cache."),
            MountMetric.Counter("cache_rejected_bytes", local.RejectedBytes, "Payload fetched that the cache had no room for."),
            MountMetric.Counter("evicted_bytes", local.EvictedBytes, "Payload that left the cache."),
            MountMetric.Counter("checksum_failures", local.ChecksumFailures, "Damaged copies that were found and dropped."),
        ];

    private static IEnumerable<(string, long)> Words(IReadOnlyDictionary<string, long>? numbers) => numbers?.Select(static pair => (pair.Key, pair.Value)) ?? [];

    public string VersionText()
    {
        TreeStatus status = request.Tree.Status;
        StringBuilder text = new();
        text.Append("dataset: ").Append(status.Dataset).Append('\n');
        text.Append("mode: ").Append(ModeName(status)).Append('\n');
        text.Append("version: ").Append(status.Version ?? "none").Append('\n');
        if (status.Problem is { } problem)
        {
            text.Append("problem: ").Append(problem).Append('\n');
        }

        return text.ToString();
    }

    internal static string ProfileName(MountProfile profile) => profile == MountProfile.Shards ? "shards" : "files";

    private static string ModeName(TreeStatus status) => status.Mode.ToString().ToLowerInvariant();

    private static decimal Seconds(TimeSpan time) => Math.Round((decimal)time.Ticks / TimeSpan.TicksPerSecond, 3);

    private long Sum(Func<UnderStoreCounters, long> counter) => request.Stores.Sum(store => counter(store.Counters));
}
