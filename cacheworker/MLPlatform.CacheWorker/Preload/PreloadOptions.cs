namespace MLPlatform.CacheWorker;

/// <summary>How a preload goes about it.</summary>
public sealed record PreloadOptions
{
    /// <summary>Fetches at once; fewer while the store suggests fewer. Sixteen hide 20 ms of latency at 800 files/s; beyond that two cores gain nothing and each large part holds 8 MiB.</summary>
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
