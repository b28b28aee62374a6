namespace MLPlatform.Client;

/// <summary>What copies on this machine did since start and hold now.</summary>
public sealed record LocalCounters
{
    /// <summary>Bytes served from each tier, by its name.</summary>
    public required IReadOnlyDictionary<string, long> HitBytes { get; init; }

    /// <summary>Of the reader's misses, bytes that came from tiers and not from stores.</summary>
    public required long ReaderHitBytes { get; init; }

    /// <summary>Payload held by each tier now.</summary>
    public required IReadOnlyDictionary<string, long> CachedBytes { get; init; }

    /// <summary>Files of which something is held.</summary>
    public required long CachedFiles { get; init; }

    /// <summary>Bytes taken on disk, with everything that surrounds payload.</summary>
    public required long DiskBytes { get; init; }

    /// <summary>Most bytes that may be taken.</summary>
    public required long LimitBytes { get; init; }

    /// <summary>Payload written since start.</summary>
    public required long WrittenBytes { get; init; }

    /// <summary>Payload that left to make room, was too old, or was asked to leave.</summary>
    public required long EvictedBytes { get; init; }

    /// <summary>Payload that was fetched and not kept, since there was no room for it.</summary>
    public required long RejectedBytes { get; init; }

    /// <summary>Damaged copies found and dropped.</summary>
    public required long ChecksumFailures { get; init; }
}
