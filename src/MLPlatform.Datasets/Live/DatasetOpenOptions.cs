using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>How a source becomes a tree.</summary>
public sealed record DatasetOpenOptions
{
    /// <summary><c>--follow</c>: of a dataset, move to each new version.</summary>
    public bool Follow { get; init; }

    /// <summary><c>--live</c>: no manifest; names are asked for on demand.</summary>
    public bool Live { get; init; }

    /// <summary><c>--version</c>: of a dataset, whole or a unique prefix.</summary>
    public string? Version { get; init; }

    /// <summary>Of a raw source: the version that a mount of it shows, taken instead of a listing while it is still kept.</summary>
    public DatasetVersionId? KnownVersion { get; init; }

    /// <summary><c>--wait</c>: a raw source is listed completely first.</summary>
    public bool Wait { get; init; }

    /// <summary>What live answers are believed for, and its other bounds.</summary>
    public LiveTreeOptions LiveTree { get; init; } = new();

    /// <summary>How to reach stores, where the dataset does not say.</summary>
    public UnderStoreOptions Store { get; init; } = new();

    /// <summary>Where it is being mounted, for whoever wants to remove the dataset meanwhile.</summary>
    public string Directory { get; init; } = "";

    /// <summary>Charged for the sorting of names while a source is listed.</summary>
    public MemoryBudget? Budget { get; init; }

    public IProgress<ListProgress>? Progress { get; init; }

    /// <summary>
    /// How long opening a raw source waits for its listing before it goes on live. A second lists some ten thousand names, after which most small sources are
    /// pinned from the first question on; the largest still answers within the three that we promise.
    /// </summary>
    public TimeSpan HeadStart { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often <c>--follow</c> looks at the catalogue: one stat of a file.</summary>
    public TimeSpan FollowInterval { get; init; } = TimeSpan.FromSeconds(1);
}
