namespace MLPlatform.CacheWorker;

/// <summary>A file that was not brought in.</summary>
/// <param name="Path">Below the dataset's root, for people.</param>
public sealed record PreloadFailure(string Path, string Reason);
