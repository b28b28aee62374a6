using MLPlatform.Cli.Metrics;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using MLPlatform.FileSystem;
using MLPlatform.Tiers;
using MLPlatform.UnderStore;

namespace MLPlatform.Cli.Mounting;

/// <summary>Everything that <c>mlp mount</c> was asked for, checked. Immutable.</summary>
internal sealed record MountOptions
{
    /// <summary>As written: a URI, a path, or a dataset's name with or without a version.</summary>
    public required string Source { get; init; }

    /// <summary>Absolute, links resolved.</summary>
    public required string Directory { get; init; }

    public required UnderStoreOptions Store { get; init; }

    public required string StateDirectory { get; init; }

    public string? Version { get; init; }

    public bool Follow { get; init; }

    public bool Live { get; init; }

    public bool Wait { get; init; }

    public TimeSpan MetadataTtl { get; init; }

    public MountProfile Profile { get; init; }

    public bool Passthrough { get; init; }

    public bool CloneDescriptors { get; init; }

    public bool NonEmpty { get; init; }

    public bool NoExec { get; init; }

    public uint? Uid { get; init; }

    public uint? Gid { get; init; }

    public ushort? FileMode { get; init; }

    public ushort? DirectoryMode { get; init; }

    public bool AllowOther { get; init; }

    /// <summary>Null: nothing is kept on disk.</summary>
    public CacheOptions? Cache { get; init; }

    public long? CacheQuotaBytes { get; init; }

    public long MemoryBytes { get; init; }

    public TimeSpan ReadTimeout { get; init; }

    public TimeSpan StartTimeout { get; init; }

    /// <summary>Null: no metrics are served.</summary>
    public ListenAddress? Metrics { get; init; }

    /// <summary>What <see cref="RunRecord.Options"/> tells other calls.</summary>
    public Dictionary<string, string[]> Recorded { get; init; } = [];

    // Sixteen blocks of 4 MiB: below that one sequential reader cannot keep a fast store busy.
    private const long LeastMemoryBytes = 64L << 20;

    /// <exception cref="CacheException"><c>Configuration</c>: an option that cannot work. Which of them exclude each other the opener of datasets knows.</exception>
    public static MountOptions From(SettingValues values, string source, string directory)
    {
        MountOptions options = new()
        {
            Source = source,
            Directory = MountPoints.Canonical(directory),
            Store = StoreSettings.From(values),
            StateDirectory = values.Get(CatalogueSettings.StateDir),
            Version = values.Get(MountSettings.Version),
            Follow = values.Get(MountSettings.Follow),
            Live = values.Get(MountSettings.Live),
            Wait = values.Get(MountSettings.Wait),
            MetadataTtl = values.Get(MountSettings.MetadataTtl),
            Profile = values.Get(MountSettings.Profile),
            Passthrough = !values.Get(MountSettings.NoPassthrough),
            CloneDescriptors = values.Get(MountSettings.CloneFd),
            NonEmpty = values.Get(MountSettings.NonEmpty),
            NoExec = values.Get(MountSettings.NoExec),
            Uid = values.Get(MountSettings.Uid),
            Gid = values.Get(MountSettings.Gid),
            FileMode = values.Get(MountSettings.FileMode),
            DirectoryMode = values.Get(MountSettings.DirMode),
            AllowOther = values.Get(MountSettings.AllowOther),
            Cache = CacheSettings.From(values),
            CacheQuotaBytes = values.Get(CacheSettings.Quota),
            MemoryBytes = values.Get(MountSettings.Memory),
            ReadTimeout = values.Get(MountSettings.ReadTimeout),
            StartTimeout = values.Get(MountSettings.StartTimeout),
            Recorded = Targets.RecordedOptions.From(values),
            Metrics = values.Get(MountSettings.Metrics),
        };
        options.Check();
        return options;
    }

    private void Check()
    {
        if (MemoryBytes < LeastMemoryBytes)
        {
            throw new CacheException(CacheError.Configuration, $"--memory {ByteSize.Format(MemoryBytes)} is too little; give at least {ByteSize.Format(LeastMemoryBytes)}.");
        }

        if (ReadTimeout <= TimeSpan.Zero)
        {
            throw new CacheException(CacheError.Configuration, "--read-timeout must be more than nothing, such as 60s.");
        }

        if (StartTimeout <= TimeSpan.Zero)
        {
            throw new CacheException(CacheError.Configuration, "--start-timeout must be more than nothing, such as 60s.");
        }
    }
}
