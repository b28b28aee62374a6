using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>How stores are reached and listed for a manifest.</summary>
public sealed record DatasetBuildOptions
{
    /// <summary>What the dataset itself does not say.</summary>
    public UnderStoreOptions Store { get; init; } = new();

    /// <summary>Charged for the sorting of names, where given.</summary>
    public MemoryBudget? Budget { get; init; }

    public IProgress<ListProgress>? Progress { get; init; }

    /// <summary>Enumerations at once; see <see cref="TreeListerOptions.Parallelism"/>.</summary>
    public int Parallelism { get; init; } = new TreeListerOptions().Parallelism;

    /// <summary>Collects what a file list names and the store does not have.</summary>
    public MissingFiles Missing { get; init; } = new();

    /// <summary>How old an interrupted listing may be to go on with it.</summary>
    public TimeSpan ResumeWithin { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long to wait for somebody else who changes the same dataset. Ten seconds outlast everything but a listing.</summary>
    public TimeSpan LockDeadline { get; init; } = TimeSpan.FromSeconds(10);
}
