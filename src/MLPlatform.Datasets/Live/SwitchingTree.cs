using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// A tree that becomes another one under a mount: live until a listing is complete and pinned from then on, or pinned to one version after another.
/// Any thread may call it; one at a time changes it. It owns the trees it was given.
/// <para>
/// Numbers are the promise: one that was ever given out goes on standing for its version of its file, whichever tree gave it. Names always
/// lead where the newest tree says. A number of a directory stands for the directory's path in the newest tree.
/// </para>
/// </summary>
public sealed partial class SwitchingTree : IDatasetTree, IAsyncDisposable
{
    /// <summary>Versions before the current one whose files can still be read by whoever has them open. Who is that far behind gets ESTALE.</summary>
    public const int MaxPastVersions = 8;

    /// <summary>Most names, and most numbers, that a change tells one by one: a kernel forgets a name in a microsecond, and a list of this length is 10 MB.</summary>
    internal const int MaxToldChanges = 65_536;

    private readonly LiveTree? _live;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _pinned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile State _state;

    private SwitchingTree(LiveTree? live, State state, TimeProvider time)
    {
        _live = live;
        _state = state;
        _time = time;
    }

    /// <summary>Live, with a listing under way.</summary>
    public static SwitchingTree StartLive(LiveTree live, TimeProvider time) =>
        new(live, new State(live.Status with { Mode = TreeMode.Listing }, null, 0, []), time);

    /// <summary>Pinned, with other versions to come.</summary>
    public static SwitchingTree StartPinned(ManifestTree pinned, TimeProvider time)
    {
        var tree = new SwitchingTree(null, new State(pinned.Status, pinned, 0, []), time);
        tree._pinned.SetResult();
        return tree;
    }

    public event Action<TreeChange>? Changed;

    public TreeStatus Status => _state is { Pinned: null } state ? WithLiveCounts(state.Status) : _state.Status;

    public TimeSpan Validity => _state.Pinned?.Validity ?? _live!.Validity;

    /// <summary>Completes when the tree is pinned.</summary>
    internal Task WhenPinned => _pinned.Task;

    /// <summary>Numbers that only the live tree answers for, or may still be asked for.</summary>
    internal int LiveNumbers => _live?.KnownNumbers ?? 0;

    /// <summary>The version it is pinned to.</summary>
    internal Manifest? Manifest => _state.Pinned?.Manifest;

    public TreeOutcome TryGetEntry(ulong inode, out TreeEntry entry)
    {
        State state = _state;
        if (state.Pinned is not { } pinned)
        {
            return _live!.TryGetEntry(inode, out entry);
        }

        TreeOutcome outcome = pinned.TryGetEntry(inode, out entry);
        return outcome == TreeOutcome.Stale ? TryGetPastEntry(state, inode, out entry) : outcome;
    }

    public TreeOutcome TryLookup(ulong directory, ReadOnlySpan<byte> name, out TreeEntry entry)
    {
        State state = _state;
        if (state.Pinned is not { } pinned)
        {
            return _live!.TryLookup(directory, name, out entry);
        }

        TreeOutcome outcome = pinned.TryLookup(directory, name, out entry);
        if (outcome != TreeOutcome.Stale)
        {
            return outcome;
        }

        outcome = TryFindPastDirectory(state, directory, out ulong now);
        return outcome != TreeOutcome.Found ? outcome
            : now == 0 ? TreeOutcome.Missing
            : pinned.TryLookup(now, name, out entry);
    }

    public TreeOutcome TryReadDirectory<TSink>(ulong directory, ulong cookie, ref TSink sink)
        where TSink : IDirectorySink, allows ref struct
    {
        State state = _state;
        if (state.Pinned is not { } pinned)
        {
            return _live!.TryReadDirectory(directory, cookie, ref sink);
        }

        if (!pinned.Manifest.TryFindInode(directory, out long row))
        {
            TreeOutcome outcome = TryFindPastDirectory(state, directory, out directory);
            if (outcome != TreeOutcome.Found || directory == 0 || !pinned.Manifest.TryFindInode(directory, out row))
            {
                return outcome; // A directory that is gone is empty.
            }
        }

        if (pinned.Manifest.KindOf(row) != StoreEntryKind.Directory)
        {
            return TreeOutcome.NotDirectory;
        }

        if (PinnedCookie.IsLive(cookie))
        {
            if (TryGetOrder(pinned.Manifest, row) is not { } order)
            {
                return TreeOutcome.MustWait;
            }

            order.Read(cookie, ref sink);
            return TreeOutcome.Found;
        }

        ulong position = PinnedCookie.Generation(cookie) == state.Generation ? PinnedCookie.Position(cookie) : PositionNow(state, row, cookie);
        var marking = new PinnedCookie.Sink<TSink>(sink, state.Generation);
        TreeOutcome read = pinned.TryReadDirectory(directory, position, ref marking);
        sink = marking.Inner;
        return read;
    }

    public ValueTask LoadEntryAsync(ulong inode, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask LoadNameAsync(ulong directory, ReadOnlyMemory<byte> name, CancellationToken cancellationToken) =>
        _state.Pinned is not null ? ValueTask.CompletedTask : OrPinnedAsync(_live!.LoadNameAsync(directory, name, cancellationToken), cancellationToken);

    public ValueTask LoadDirectoryAsync(ulong directory, CancellationToken cancellationToken) =>
        _state.Pinned is not { } pinned ? OrPinnedAsync(_live!.LoadDirectoryAsync(directory, cancellationToken), cancellationToken)
        : _wantedOrders.IsEmpty ? ValueTask.CompletedTask
        : MakeOrdersAsync(pinned.Manifest);

    public FileVersion? GetFile(ulong inode)
    {
        State state = _state;
        if (state.Pinned?.GetFile(inode) is { } file)
        {
            return file;
        }

        foreach (Past past in state.Past)
        {
            if (past.Tree.GetFile(inode) is { } older)
            {
                return older;
            }
        }

        return _live?.GetFile(inode);
    }

    public byte[]? GetLinkTarget(ulong inode)
    {
        State state = _state;
        if (state.Pinned?.GetLinkTarget(inode) is { } target)
        {
            return target;
        }

        foreach (Past past in state.Past)
        {
            if (past.Tree.GetLinkTarget(inode) is { } older)
            {
                return older;
            }
        }

        return _live?.GetLinkTarget(inode);
    }

    public byte[]? GetPath(ulong inode)
    {
        State state = _state;
        if (state.Pinned?.GetPath(inode) is { } path)
        {
            return path;
        }

        foreach (Past past in state.Past)
        {
            if (past.Tree.GetPath(inode) is { } older)
            {
                return older;
            }
        }

        return _live?.GetPath(inode);
    }

    // The live tree alone counts. After the switch it hears of numbers that the manifest took over from it, and ignores all others.
    public void AddReference(ulong inode) => _live?.AddReference(inode);

    public void DropReferences(ulong inode, ulong count) => _live?.DropReferences(inode, count);

    /// <summary>A number that the newest version does not have: what it was, or for a directory what its path is now.</summary>
    private TreeOutcome TryGetPastEntry(State state, ulong inode, out TreeEntry entry)
    {
        TreeOutcome outcome = TreeOutcome.Stale;
        entry = default;
        foreach (Past past in state.Past)
        {
            outcome = past.Tree.TryGetEntry(inode, out entry);
            if (outcome == TreeOutcome.Found)
            {
                break;
            }
        }

        if (outcome != TreeOutcome.Found && _live is not null)
        {
            outcome = _live.TryGetEntry(inode, out entry);
        }

        if (outcome == TreeOutcome.Found && entry.Kind == StoreEntryKind.Directory
            && TryFindPastDirectory(state, inode, out ulong now) == TreeOutcome.Found && now != 0
            && state.Pinned!.TryGetEntry(now, out TreeEntry current) == TreeOutcome.Found)
        {
            entry = current with { Inode = inode };
        }

        return outcome;
    }

    /// <summary>Where the path of a directory that the newest version has under another number, or not at all, leads now.</summary>
    /// <param name="now">Its number in the newest version; 0 when it is gone.</param>
    private TreeOutcome TryFindPastDirectory(State state, ulong inode, out ulong now)
    {
        now = 0;
        byte[]? path = null;
        TreeOutcome outcome = TreeOutcome.Stale;
        TreeEntry entry = default;
        foreach (Past past in state.Past)
        {
            outcome = past.Tree.TryGetEntry(inode, out entry);
            if (outcome == TreeOutcome.Found)
            {
                path = past.Tree.GetPath(inode);
                break;
            }
        }

        if (outcome != TreeOutcome.Found && _live is not null)
        {
            outcome = _live.TryGetEntry(inode, out entry);
            path = _live.GetPath(inode);
        }

        if (outcome != TreeOutcome.Found || path is null)
        {
            return TreeOutcome.Stale;
        }

        if (entry.Kind != StoreEntryKind.Directory)
        {
            return TreeOutcome.NotDirectory;
        }

        Manifest manifest = state.Pinned!.Manifest;
        if (manifest.TryFindPath(path, out long row) && manifest.KindOf(row) == StoreEntryKind.Directory)
        {
            now = manifest.InodeOf(row);
        }

        return TreeOutcome.Found;
    }

    private TreeStatus WithLiveCounts(TreeStatus status)
    {
        TreeStatus live = _live!.Status;
        return status with
        {
            Files = Math.Max(status.Files, live.Files),
            Bytes = Math.Max(status.Bytes, live.Bytes),
            SmallFiles = Math.Max(status.SmallFiles, live.SmallFiles),
        };
    }

    /// <summary>What the tree is at a moment. Immutable.</summary>
    /// <param name="Pinned">Null while live.</param>
    /// <param name="Generation">How many versions came before.</param>
    /// <param name="Past">Earlier versions, the youngest first.</param>
    private sealed record State(TreeStatus Status, ManifestTree? Pinned, uint Generation, Past[] Past);

    private readonly record struct Past(ManifestTree Tree, uint Generation);
}
