namespace MLPlatform.Tiers;

/// <summary>The disk tier as a whole.</summary>
public sealed record CacheOptions
{
    /// <summary>Fastest first; at least one.</summary>
    public required IReadOnlyList<CacheDeviceOptions> Devices { get; init; }

    /// <summary>Most bytes on all devices together; null: the smaller of 100 GiB and half of what was free, on each file system.</summary>
    public long? CapacityBytes { get; init; }

    /// <summary>As a share of the file system where <see cref="CapacityPercent"/> is set: <c>80%</c>.</summary>
    public double? CapacityPercent { get; init; }

    /// <summary>Space that is never touched, in bytes; null: by <see cref="MinFreePercent"/>.</summary>
    public long? MinFreeBytes { get; init; }

    /// <summary>Space that is never touched, as a share of the file system. A tenth keeps ext4 and xfs from fragmenting and other programs alive.</summary>
    public double MinFreePercent { get; init; } = 10;

    public EvictionKind Eviction { get; init; } = EvictionKind.Uniform;

    /// <summary>Entries older than this are dropped; null: they live for ever, since a key's bytes never change.</summary>
    public TimeSpan? TimeToLive { get; init; }
}
