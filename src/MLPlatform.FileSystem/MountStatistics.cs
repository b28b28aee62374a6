using System.Buffers;
using System.Text;
using System.Text.Json;
using MLPlatform.Client;
using MLPlatform.Datasets;
using MLPlatform.Fuse;
using MLPlatform.UnderStore;

namespace MLPlatform.FileSystem;

/// <summary>The counters of one mount as <c>.mlp/stats</c> shows them: one JSON document with the keys of the command line's manual.</summary>
internal sealed class MountStatistics(MountRequest request, DatasetFileSystem fileSystem, FuseSession session, MountProfile profile)
{
    private readonly long _started = request.Time.GetTimestamp();

    public string ToJson()
    {
        ReaderCounters reader = request.Reader.Counters;
        LocalCounters? local = request.Local?.Counters;
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("uptime_s", Math.Round(request.Time.GetElapsedTime(_started).TotalSeconds, 3));
            json.WriteNumber("cpu_s", Math.Round(Environment.CpuUsage.TotalTime.TotalSeconds, 3));
            json.WriteNumber("rss_bytes", Environment.WorkingSet);
            json.WriteNumber("budget_used_bytes", request.Budget.UsedBytes);
            json.WriteNumber("budget_limit_bytes", request.Budget.LimitBytes);
            json.WriteStartObject("fuse_requests");
            foreach ((string operation, long count) in session.RequestCounts())
            {
                json.WriteNumber(operation, count);
            }

            json.WriteEndObject();
            json.WriteNumber("read_bytes", reader.ReadBytes);
            json.WriteNumber("read_errors", fileSystem.Failures);
            json.WriteStartObject("hit_bytes");
            json.WriteNumber("memory", reader.HitBytes);
            foreach ((string tier, long bytes) in local?.HitBytes ?? new Dictionary<string, long>())
            {
                json.WriteNumber(tier, bytes);
            }

            json.WriteEndObject();
            json.WriteNumber("miss_bytes", reader.MissBytes - (local?.ReaderHitBytes ?? 0));
            json.WriteNumber("origin_bytes", Sum(c => c.Bytes));
            json.WriteStartObject("origin_requests");
            json.WriteNumber("get", Sum(c => c.Gets));
            json.WriteNumber("head", Sum(c => c.Heads));
            json.WriteNumber("list", Sum(c => c.Lists));
            json.WriteEndObject();
            json.WriteNumber("origin_errors", Sum(c => c.Errors));
            json.WriteNumber("origin_retries", Sum(c => c.Retries));
            json.WriteNumber("prefetch_bytes", reader.PrefetchBytes);
            json.WriteNumber("prefetch_wasted_bytes", reader.PrefetchWastedBytes);
            if (local is not null)
            {
                json.WriteStartObject("cached_bytes");
                foreach ((string tier, long bytes) in local.CachedBytes)
                {
                    json.WriteNumber(tier, bytes);
                }

                json.WriteEndObject();
                json.WriteNumber("cached_files", local.CachedFiles);
                json.WriteNumber("cache_disk_bytes", local.DiskBytes);
                json.WriteNumber("cache_limit_bytes", local.LimitBytes);
                json.WriteNumber("cache_written_bytes", local.WrittenBytes);
                json.WriteNumber("cache_rejected_bytes", local.RejectedBytes);
                json.WriteNumber("evicted_bytes", local.EvictedBytes);
                json.WriteNumber("checksum_failures", local.ChecksumFailures);
            }

            json.WriteNumber("open_files", profile == MountProfile.Shards ? fileSystem.OpenFileCount : reader.OpenFiles);
            json.WriteNumber("passthrough_opens", fileSystem.PassthroughOpens);
            json.WriteNumber("kernel_references", fileSystem.KernelReferences);
            json.WriteString("profile", ProfileName(profile));
            WriteDataset(json, request.Tree.Status);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    public string VersionText()
    {
        TreeStatus status = request.Tree.Status;
        StringBuilder text = new();
        text.Append("dataset: ").Append(status.Dataset).Append('\n');
        text.Append("mode: ").Append(status.Mode.ToString().ToLowerInvariant()).Append('\n');
        text.Append("version: ").Append(status.Version ?? "none").Append('\n');
        if (status.Problem is { } problem)
        {
            text.Append("problem: ").Append(problem).Append('\n');
        }

        return text.ToString();
    }

    internal static string ProfileName(MountProfile profile) => profile == MountProfile.Shards ? "shards" : "files";

    private static void WriteDataset(Utf8JsonWriter json, TreeStatus status)
    {
        json.WriteStartObject("dataset");
        json.WriteString("name", status.Dataset);
        json.WriteString("version", status.Version);
        json.WriteString("mode", status.Mode.ToString().ToLowerInvariant());
        json.WriteNumber("files", status.Files);
        json.WriteNumber("bytes", status.Bytes);
        json.WriteEndObject();
    }

    private long Sum(Func<UnderStoreCounters, long> counter) => request.Stores.Sum(store => counter(store.Counters));
}
