namespace MLPlatform.Tiers;

/// <summary>What a disk tier did since its start (monotonic) and holds now.</summary>
public sealed record DiskTierCounters
{
    /// <summary>Payload held now, by tier.</summary>
    public required IReadOnlyDictionary<string, long> CachedBytes { get; init; }

    /// <summary>Files of which something is held.</summary>
    public long CachedFiles { get; init; }

    /// <summary>Bytes taken on the devices, with all that surrounds payload.</summary>
    public long DiskBytes { get; init; }

    /// <summary>Most that may be taken.</summary>
    public long LimitBytes { get; init; }

    /// <summary>Payload written.</summary>
    public long WrittenBytes { get; init; }

    /// <summary>Payload offered that was not kept.</summary>
    public long RejectedBytes { get; init; }

    /// <summary>Payload that left.</summary>
    public long EvictedBytes { get; init; }

    /// <summary>Damaged copies found.</summary>
    public long ChecksumFailures { get; init; }

    /// <summary>Devices that are not healthy, and why.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}
