using System.Text.Json.Serialization;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>What a dataset is made of, as <c>dataset.json</c> keeps it. Holds references to credentials, never a secret.</summary>
public sealed record DatasetDefinition
{
    /// <summary>The highest that this mlp knows; a higher one is refused by name. Format 2 is 1 with <see cref="FileList"/> or <see cref="IndexTar"/>, which an older mlp would pass over in silence.</summary>
    public const int CurrentFormat = 2;

    /// <summary>The version in use, the one before it to go back to, and a few that mounts of yesterday may still be pinned to.</summary>
    public const int DefaultKeepVersions = 5;

    public int Format { get; init; } = 1;

    public required string Name { get; init; }

    public required IReadOnlyList<DatasetSource> Sources { get; init; }

    /// <summary>Versions that <c>sync</c> leaves; mounted ones stay whatever their age.</summary>
    public int KeepVersions { get; init; } = DefaultKeepVersions;

    public DateTimeOffset Created { get; init; }

    /// <summary>Only what the list in the dataset's folder names is in it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool FileList { get; init; }

    /// <summary>Members of tar shards are shown as files.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IndexTar { get; init; }

    /// <exception cref="CacheException"><c>Configuration</c>.</exception>
    public void Check()
    {
        DatasetName.Check(Name);
        if (Sources.Count == 0)
        {
            throw new CacheException(CacheError.Configuration, $"Dataset {Name} needs at least one SOURCE.");
        }

        if (FileList && Sources.Count > 1)
        {
            throw new CacheException(CacheError.Configuration, $"A file list is of one SOURCE, and dataset {Name} has {Sources.Count}; give one of them, or leave --files-from away.");
        }

        if (KeepVersions < 1)
        {
            throw new CacheException(CacheError.Configuration, $"Dataset {Name} must keep at least one version.");
        }

        foreach (DatasetSource source in Sources)
        {
            source.Store.Check(Name);
        }

        for (int i = 0; i < Sources.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (Sources[i].Path == Sources[j].Path)
                {
                    throw new CacheException(CacheError.Configuration, $"{Sources[j].Uri} and {Sources[i].Uri} would both be at /{Sources[i].Path}; give one of them another place: SOURCE@/PATH.");
                }
            }
        }
    }
}
