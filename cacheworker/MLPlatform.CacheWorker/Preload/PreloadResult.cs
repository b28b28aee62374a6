namespace MLPlatform.CacheWorker;

/// <summary>What a preload came to.</summary>
/// <param name="Failures">The first of them.</param>
/// <param name="Stopped">Why it ended before its end, as a sentence; null: it did not.</param>
public sealed record PreloadResult(PreloadStatus Status, IReadOnlyList<PreloadFailure> Failures, string? Stopped)
{
    public bool IsComplete => Stopped is null && Status.FailedFiles == 0;
}
