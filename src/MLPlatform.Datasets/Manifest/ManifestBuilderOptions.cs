using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>What a manifest is built from and within which bounds.</summary>
public sealed record ManifestBuilderOptions
{
    public required string DatasetName { get; init; }

    /// <summary>Stores by their index. Where one is mounted below another, the deeper one hides what the other has there.</summary>
    public required IReadOnlyList<ManifestMount> Mounts { get; init; }

    /// <summary>A folder of the builder's own, for sorted runs and the journal; made if missing, removed when the manifest is written.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>The last version: unchanged files keep their inode numbers. Stays the caller's, and open until the builder is done.</summary>
    public Manifest? Previous { get; init; }

    /// <summary>Numbers that a live mount handed out meanwhile; asked after <see cref="Previous"/>.</summary>
    public IInodeSource? Inodes { get; init; }

    /// <summary>Native memory for names before they are sorted to disk. 64 MiB holds about 600,000 names, so ten million make some twenty runs: one merge.</summary>
    public long SortBufferBytes { get; init; } = 64L << 20;

    /// <summary>Charged for the sort buffer where given; what it refuses makes runs smaller.</summary>
    public MemoryBudget? Budget { get; init; }

    /// <summary>Left-out names that the manifest lists; it counts them all. 100,000 are more than anybody reads and less than 10 MB.</summary>
    public int MaxSkippedListed { get; init; } = 100_000;

    /// <summary>Keep a journal in the work directory, so that a listing goes on where it was killed.</summary>
    public bool Resumable { get; init; }

    /// <summary>Whoever lists for the builder gives the members of tar shards in their place.</summary>
    public bool IndexTar { get; init; }

    /// <summary>Anything else that a resumed listing must have in common with the one it goes on with, such as the endpoint. No secret: it is hashed, not kept.</summary>
    public string ListingKey { get; init; } = "";

    /// <summary>Older journals are thrown away: half of such a version would be from another day.</summary>
    public TimeSpan ResumeWithin { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Most work that a kill may cost.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Runs merged at once, each with a 64 KiB buffer; more are merged in several passes.</summary>
    public int MaxMergedRuns { get; init; } = 128;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Told at most five times a second, from whichever thread got there.</summary>
    public IProgress<ListProgress>? Progress { get; init; }
}
