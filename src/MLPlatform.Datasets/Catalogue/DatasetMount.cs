namespace MLPlatform.Datasets;

/// <summary>A mount of a dataset that lives now.</summary>
/// <param name="Directory">Where, or what else uses it.</param>
/// <param name="Version">Null while it is live.</param>
public sealed record DatasetMount(int Process, string Directory, DatasetVersionId? Version);
