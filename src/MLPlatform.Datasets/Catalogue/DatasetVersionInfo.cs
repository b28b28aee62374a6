namespace MLPlatform.Datasets;

/// <summary>One line of <c>mlp dataset versions</c>.</summary>
/// <param name="Created">When its manifest was written on this machine.</param>
/// <param name="Skipped">Names of the stores that no POSIX tree can hold.</param>
/// <param name="ManifestBytes">Size of the manifest itself.</param>
/// <param name="Problem">Why it cannot be read, in one sentence; then the counts are zero.</param>
public sealed record DatasetVersionInfo(DatasetVersionId Version, DateTimeOffset Created, bool IsCurrent, long Files, long Directories, long Bytes, long Skipped, long ManifestBytes, string? Problem);
