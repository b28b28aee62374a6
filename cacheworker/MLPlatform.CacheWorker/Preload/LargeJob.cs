using MLPlatform.Datasets;

namespace MLPlatform.CacheWorker;

/// <summary>A large file whose parts several workers take. Changed under the preloader's lock only.</summary>
internal sealed class LargeJob(FileVersion file, long row)
{
    public FileVersion File => file;

    public long Row => row;

    /// <summary>Of the next part that nobody has.</summary>
    public long Next { get; set; }

    /// <summary>Parts that somebody has.</summary>
    public int InFlight { get; set; }

    /// <summary>At least one part came from the store.</summary>
    public bool HasFetched { get; set; }

    public bool HasFailed { get; set; }

    public bool IsTaken => Next >= file.Object.Size || HasFailed;
}
