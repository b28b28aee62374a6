namespace MLPlatform.CacheWorker;

/// <summary>How far a preload is.</summary>
/// <param name="Files">Selected.</param>
/// <param name="Bytes">Of them.</param>
/// <param name="HereFiles">Were in the cache already, whole.</param>
/// <param name="FetchedFiles">Brought in since the start.</param>
/// <param name="FetchedBytes">Payload that came from the store and is kept; parts of files not yet whole included.</param>
/// <param name="UncachedFiles">Never kept: on a local disk, or without a version.</param>
/// <param name="FailedFiles">Could not be fetched.</param>
public readonly record struct PreloadStatus(
    long Files, long Bytes, long HereFiles, long HereBytes, long FetchedFiles, long FetchedBytes, long UncachedFiles, long FailedFiles)
{
    public long DoneFiles => HereFiles + FetchedFiles + UncachedFiles + FailedFiles;
}
