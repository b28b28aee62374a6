using System.Globalization;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Candidates;

/// <summary><c>mlp mount</c>, with a disk cache or without one.</summary>
internal sealed class MlpCandidate(BenchOptions options, bool hasDiskCache) : Candidate
{
    public override string Name => hasDiskCache ? "mlp" : "mlp, no disk cache";

    public override bool HasDiskCache => hasDiskCache;

    public override RunningMount Mount(BenchStore store, string bucket, string root, MountLimits limits)
    {
        MountProcess mount = MountProcess.Start(options.Mlp, root, $"s3://{bucket}", Environment(store), [.. Arguments(store, CacheDirectory(root), limits)]);
        mount.WaitPinned();
        return new RunningMount(mount.Directory, CacheDirectory(root), new ProcessMeter(mount.ProcessId), mount.StartTime, null);
    }

    /// <summary>Credentials as every SDK reads them.</summary>
    public static IReadOnlyDictionary<string, string> Environment(BenchStore store) => store.AccessKey is null
        ? new Dictionary<string, string>()
        : new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = store.AccessKey, ["AWS_SECRET_ACCESS_KEY"] = store.SecretKey! };

    public static IEnumerable<string> StoreArguments(BenchStore store) =>
        store.AccessKey is null ? ["--endpoint-url", store.Endpoint.ToString(), "--anonymous"] : ["--endpoint-url", store.Endpoint.ToString()];

    private List<string> Arguments(BenchStore store, string cacheDirectory, MountLimits limits)
    {
        List<string> arguments = [.. StoreArguments(store)];
        if (limits.MemoryBytes is { } memory)
        {
            arguments.AddRange(["--memory", memory.ToString(CultureInfo.InvariantCulture)]);
        }

        if (limits.NoPassthrough)
        {
            arguments.Add("--no-passthrough");
        }

        if (!hasDiskCache)
        {
            arguments.Add("--no-cache");
            return arguments;
        }

        arguments.AddRange(["--cache-dir", cacheDirectory, "--eviction", limits.Eviction]);
        if (limits.CacheBytes is { } bytes)
        {
            arguments.AddRange(["--cache-size", bytes.ToString(CultureInfo.InvariantCulture)]);
        }

        return arguments;
    }
}
