using MLPlatform.Core;
using MLPlatform.Tiers;

namespace MLPlatform.Cli.Options;

/// <summary>Where and how much is kept on this machine.</summary>
internal static class CacheSettings
{
    private const string Group = "Cache options";

    public static readonly Setting<IReadOnlyList<CacheDeviceOptions>> CacheDir = new(
        "cache-dir",
        "DIR[,size=N][,tier=NAME]",
        "A directory for cached bytes; repeat it for several devices, fastest first. size limits this one, tier is its name in statistics (a directory in /dev/shm can be a tier of memory).",
        [],
        static texts => [.. texts.Select(CacheDeviceOptions.Parse)],
        isRepeatable: true)
    {
        Group = Group,
        Completion = CompletionKind.Directory,
        DefaultText = "$XDG_CACHE_HOME/mlp (root: /var/cache/mlp)",
    };

    public static readonly Setting<(long? Bytes, double? Percent)> CacheSize = new(
        "cache-size",
        "SIZE",
        "Most bytes on disk, over all cache directories: 100GiB, or 80% of the file system.",
        default,
        static t => ParseSizeOrPercent(t[0]))
    {
        Group = Group,
        DefaultText = "the smaller of 100GiB and half the free space",
    };

    public static readonly Setting<(long? Bytes, double? Percent)> MinFree = new(
        "min-free", "SIZE", "Disk space that is never touched: 20GiB, or 10% of the file system.", (null, 10), static t => ParseSizeOrPercent(t[0]))
    {
        Group = Group,
        DefaultText = "10%",
    };

    public static readonly Setting<EvictionKind> Eviction = new(
        "eviction",
        "NAME",
        "Who leaves when the cache is full: uniform keeps what it has (the best there is for shuffled epochs), lru drops what was read least recently.",
        EvictionKind.Uniform,
        static t => SettingKinds.ParseWord(t[0], [("uniform", EvictionKind.Uniform), ("lru", EvictionKind.Lru)]))
    {
        Group = Group,
        Words = ["uniform", "lru"],
        DefaultText = "uniform",
    };

    public static readonly Setting<TimeSpan?> CacheTtl = new(
        "cache-ttl", "TIME", "Drop cached bytes after so long.", null, static t => SettingKinds.ParseDuration(t[0]))
    {
        Group = Group,
        DefaultText = "never: a version's bytes do not change",
    };

    public static readonly Setting<long?> Quota = new(
        "cache-quota", "SIZE", "Most cached bytes of this dataset.", null, static t => SettingKinds.ParseSize(t[0]))
    {
        Group = Group,
        DefaultText = "none",
    };

    public static readonly Setting<bool> NoCache = new("no-cache", null, "Keep nothing on disk.", false, static t => SettingKinds.ParseFlag(t[0])) { Group = Group };

    public static IReadOnlyList<Setting> All { get; } = [CacheDir, CacheSize, MinFree, Eviction, CacheTtl, Quota, NoCache];

    /// <summary>The directories in use; none with --no-cache.</summary>
    public static IReadOnlyList<CacheDeviceOptions> Devices(SettingValues values) =>
        values.Get(NoCache) ? [] : values.Get(CacheDir) is { Count: > 0 } given ? given : [new CacheDeviceOptions(MachinePaths.CacheDirectory)];

    /// <returns>Null with --no-cache.</returns>
    public static CacheOptions? From(SettingValues values)
    {
        IReadOnlyList<CacheDeviceOptions> devices = Devices(values);
        if (devices.Count == 0)
        {
            return null;
        }

        (long? bytes, double? percent) = values.Get(CacheSize);
        (long? freeBytes, double? freePercent) = values.Get(MinFree);
        return new CacheOptions
        {
            Devices = devices,
            CapacityBytes = bytes,
            CapacityPercent = percent,
            MinFreeBytes = freeBytes,
            MinFreePercent = freePercent ?? 0,
            Eviction = values.Get(Eviction),
            TimeToLive = values.Get(CacheTtl),
        };
    }

    private static (long? Bytes, double? Percent) ParseSizeOrPercent(string text)
    {
        if (text.EndsWith('%'))
        {
            return double.TryParse(text.AsSpan(0, text.Length - 1), System.Globalization.NumberStyles.AllowDecimalPoint, System.Globalization.CultureInfo.InvariantCulture, out double percent) && percent is >= 0 and <= 100
                ? (null, percent)
                : throw new FormatException("is no share; write it as 80%");
        }

        return ByteSize.TryParse(text, out long bytes) ? (bytes, null) : throw new FormatException("is no size; write it as 100GiB or 80%");
    }
}
