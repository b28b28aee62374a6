namespace MLPlatform.CacheWorker;

/// <summary>What came of keeping bytes ahead of their readers.</summary>
public enum KeepOutcome
{
    /// <summary>Fetched and kept.</summary>
    Kept,

    /// <summary>It was here, or somebody else brought it.</summary>
    Here,

    /// <summary>Nothing was fetched, or what was fetched could not be kept.</summary>
    NoRoom,

    /// <summary>Never kept: empty, on a local disk, or without a version.</summary>
    Uncached,
}
