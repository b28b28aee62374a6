namespace MLPlatform.Datasets;

/// <summary>What a listing of a dataset's stores came to.</summary>
/// <param name="Previous">Null for the first version.</param>
/// <param name="Added">Files and links; the same goes for the next three.</param>
/// <param name="NewBytes">Bytes of added and changed files.</param>
/// <param name="Pruned">Old versions that were deleted.</param>
public sealed record DatasetSyncResult(
    string Dataset,
    DatasetVersionId Version,
    DatasetVersionId? Previous,
    long Added,
    long Changed,
    long Removed,
    long Unchanged,
    long NewBytes,
    long Files,
    long Directories,
    long Bytes,
    long Skipped,
    IReadOnlyList<DatasetVersionId> Pruned)
{
    /// <summary>False when the stores hold what the previous version says; then there is no new one.</summary>
    public bool IsNewVersion => Version != Previous;
}
