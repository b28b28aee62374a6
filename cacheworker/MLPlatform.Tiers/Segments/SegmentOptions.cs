namespace MLPlatform.Tiers.Segments;

/// <summary>Sizes and habits of one <see cref="SegmentStore"/>.</summary>
internal sealed record SegmentOptions
{
    /// <summary>Most bytes of a segment file with its table, up to 64 MiB, which is as far as a <see cref="Index.RecordPlace"/> reaches. Smaller ones suit small caches and tests.</summary>
    public int SegmentBytes { get; init; } = SegmentFormat.MaxSegmentBytes;

    /// <summary>Asked by the writer before it takes so many more bytes of the device. False: records that need a new segment are not kept.</summary>
    public Func<long, bool> MayGrow { get; init; } = static _ => true;

    /// <summary>The same, when cleaning needs a segment for what it moves: it makes more room than it takes, but first it takes.</summary>
    public Func<long, bool> MayMove { get; init; } = static _ => true;

    /// <summary>Told after a yes of either: the bytes now count in <see cref="SegmentStore.DiskBytes"/>, or were not taken.</summary>
    public Action<long> Grown { get; init; } = static _ => { };

    /// <summary>Records that wait for the writer; who brings more waits. The memory is theirs, so this bounds what a slow disk holds back.</summary>
    public int QueueLength { get; init; } = 256;

    /// <summary>Segments whose descriptors are kept. A thousand are 64 GiB of cache, and fewer than the usual limit of 1024 would leave too few for sockets.</summary>
    public int MaxOpenSegments { get; init; } = 768;

    /// <summary>fdatasync(2) when a segment is sealed. Off: after a power cut the checksums decide what is left, and a cache can be filled again.</summary>
    public bool SyncSealed { get; init; }

    /// <summary>Native memory with which cleaning and scrub read.</summary>
    public int MaintenanceBytes { get; init; } = 4 << 20;
}
