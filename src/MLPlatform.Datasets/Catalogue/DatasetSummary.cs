namespace MLPlatform.Datasets;

/// <summary>One line of <c>mlp dataset list</c>.</summary>
/// <param name="Current">Null until the first listing is complete.</param>
/// <param name="Problem">Why the current version cannot be read, in one sentence, or null.</param>
public sealed record DatasetSummary(string Name, IReadOnlyList<DatasetSource> Sources, DatasetVersionInfo? Current, int Versions, IReadOnlyList<DatasetMount> Mounts, string? Problem)
{
    /// <summary>As <see cref="DatasetDefinition.FileList"/>.</summary>
    public bool FileList { get; init; }

    /// <summary>As <see cref="DatasetDefinition.IndexTar"/>.</summary>
    public bool IndexTar { get; init; }
}
