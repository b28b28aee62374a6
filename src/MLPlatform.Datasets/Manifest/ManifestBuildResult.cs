namespace MLPlatform.Datasets;

/// <summary>A written manifest.</summary>
public sealed record ManifestBuildResult(DatasetVersionId Digest, string Path);
