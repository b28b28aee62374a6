using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>A tree in use, with the stores below it and whatever goes on behind it. Disposed when the mount has ended and nobody asks the tree any more.</summary>
public sealed class MountedDataset : IAsyncDisposable
{
    private readonly Func<ValueTask> _close;
    private int _closed;

    internal MountedDataset(IDatasetTree tree, IReadOnlyList<IUnderStore> stores, Func<ValueTask> close)
    {
        Tree = tree;
        Stores = stores;
        _close = close;
    }

    public IDatasetTree Tree { get; }

    public TreeStatus Status => Tree.Status;

    /// <summary>All stores of the dataset, each once; their counters are the origin's.</summary>
    public IReadOnlyList<IUnderStore> Stores { get; }

    /// <summary>Of the version it is pinned to now, for totals of directories; null while live. Valid until it follows another.</summary>
    public Manifest? Manifest => Tree switch
    {
        ManifestTree pinned => pinned.Manifest,
        SwitchingTree switching => switching.Manifest,
        _ => null,
    };

    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _closed, 1) == 0 ? _close() : ValueTask.CompletedTask;
}
