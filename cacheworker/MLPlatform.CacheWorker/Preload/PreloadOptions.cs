namespace MLPlatform.CacheWorker;

/// <summary>How a preload goes about it.</summary>
public sealed record PreloadOptions
{
    /// <summary>Fetches at once; fewer while the store suggests fewer. Behind a round trip of 20 ms sixteen can give 800 files/s at most; with large files each holds a part of 8 MiB, 128 MiB of the default budget of 512.</summary>
    public int Parallelism { get; init; } = 16;

    /// <summary>Deadline of one fetch.</summary>
    public TimeSpan FetchTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Failures that are remembered by name; all are counted.</summary>
    public int MaxListedFailures { get; init; } = 1000;

    /// <summary>So many failures with no success between them are the store's, not the files': the preload ends.</summary>
    public int MaxFailuresInARow { get; init; } = 100;

    /// <summary>Files are pinned as they come in, and those that are here too.</summary>
    public bool Pin { get; init; }
}
