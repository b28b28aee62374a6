using System.Collections.Concurrent;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

// Moving to another tree, and what is under way meanwhile.
public sealed partial class SwitchingTree
{
    // A question that began before a switch may put its answer into the kernel after the change was told. Telling it once more, when
    // such a question can no longer be under way, leaves nothing old behind; what answers take is microseconds.
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(2);

    // Small enough to put in order while a session thread waits: about a millisecond.
    private const int MaxOrderedAtOnce = 4096;

    // Readers that began live end soon; one that comes after so many others waits once more.
    private const int MaxOrders = 8;

    // The process must have run for so many steps after a version left the history before its memory goes. Nothing holds
    // on to a version longer than one question takes.
    private const int StepsBeforeUnmapping = 30;

    private readonly Lock _ordersLock = new();
    private readonly Queue<(Manifest Manifest, long Row, HashOrder Order)> _orders = new();
    private readonly ConcurrentDictionary<ulong, byte> _wantedOrders = new();
    private readonly List<(Manifest Manifest, int Steps)> _leaving = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly List<Task> _settling = [];

    /// <summary>Shows why the listing or the following does not get on, or that it does again.</summary>
    internal void SetProblem(string? problem)
    {
        if (_state.Status.Problem != problem)
        {
            State state = Update(state => state with { Status = state.Status with { Problem = problem } });
            Changed?.Invoke(new TreeChange(state.Status, [], []));
        }
    }

    /// <summary>Shows how far the listing has come.</summary>
    internal void SetProgress(ListProgress progress) =>
        Update(state => state.Pinned is not null ? state : state with { Status = state.Status with { Files = progress.Files, Directories = progress.Directories, Bytes = progress.Bytes } });

    /// <summary>Moves from live to a version whose builder knew the live tree's numbers.</summary>
    /// <param name="tree">Becomes this tree's own.</param>
    internal void Pin(ManifestTree tree)
    {
        Invariant.That(_live is not null && _state.Pinned is null);
        TreeStatus status = Update(state => new State(tree.Status with { Dataset = state.Status.Dataset }, tree, 0, [])).Status;
        try
        {
            Changed?.Invoke(ChangeSinceLive(tree.Manifest, status));
        }
        finally
        {
            _pinned.SetResult();
        }

        Settle(() =>
        {
            Changed?.Invoke(ChangeSinceLive(tree.Manifest, status));
            _live.Shrink(number => tree.Manifest.TryFindInode(number, out _));
        });
    }

    /// <summary>Moves from one version to another.</summary>
    /// <param name="tree">Becomes this tree's own.</param>
    /// <param name="difference">Between the version it is pinned to and the new one.</param>
    internal void Follow(ManifestTree tree, ManifestDiff difference)
    {
        State before = _state;
        Invariant.That(before.Pinned is not null);
        Past[] past = [new Past(before.Pinned, before.Generation), .. before.Past];
        foreach (Past gone in past.Skip(MaxPastVersions))
        {
            lock (_leaving)
            {
                _leaving.Add((gone.Tree.Manifest, StepsBeforeUnmapping));
            }
        }

        Past[] kept = past.Length > MaxPastVersions ? past[..MaxPastVersions] : past;
        uint generation = (before.Generation + 1) & PinnedCookie.MaxGeneration;
        TreeStatus status = Update(state => new State(tree.Status with { Dataset = state.Status.Dataset }, tree, generation, kept)).Status;
        TreeChange change = difference.ToTreeChange(status);
        Changed?.Invoke(change);
        Settle(() => Changed?.Invoke(change));
    }

    /// <summary>Called every second or so while the tree is in use: gives back the memory of versions that nobody can be in any more.</summary>
    internal void Step()
    {
        lock (_leaving)
        {
            for (int i = _leaving.Count - 1; i >= 0; i--)
            {
                (Manifest manifest, int steps) = _leaving[i];
                if (steps > 0)
                {
                    _leaving[i] = (manifest, steps - 1);
                    continue;
                }

                manifest.Dispose();
                _leaving.RemoveAt(i);
            }
        }
    }

    /// <summary>Nobody calls the tree any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await Task.WhenAll(_settling);
        if (_live is not null)
        {
            await _live.DisposeAsync();
        }

        State state = _state;
        state.Pinned?.Manifest.Dispose();
        foreach (Past past in state.Past)
        {
            past.Tree.Manifest.Dispose();
        }

        foreach ((Manifest manifest, int _) in _leaving)
        {
            manifest.Dispose();
        }
    }

    private void Settle(Action action)
    {
        _settling.RemoveAll(static task => task.IsCompleted);
        _settling.Add(SettleAsync(action));
    }

    private async Task SettleAsync(Action action)
    {
        try
        {
            await Task.Delay(s_settling, _time, _closing.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        action();
    }

    private State Update(Func<State, State> change)
    {
        while (true)
        {
            State before = _state;
            State after = change(before);
            if (Interlocked.CompareExchange(ref _state, after, before) == before)
            {
                return after;
            }
        }
    }

    /// <summary>Waits for the live answer or for the switch, after which there is nothing to wait for.</summary>
    private ValueTask OrPinnedAsync(ValueTask question, CancellationToken cancellationToken) =>
        question.IsCompletedSuccessfully ? ValueTask.CompletedTask : new ValueTask(OrPinnedAsync(question.AsTask(), cancellationToken));

    private async Task OrPinnedAsync(Task question, CancellationToken cancellationToken)
    {
        if (await Task.WhenAny(question, _pinned.Task) != question)
        {
            // Its fault, if it comes to one, concerns nobody any more.
            _ = question.ContinueWith(static asked => _ = asked.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return;
        }

        try
        {
            await question;
        }
        catch (CacheException) when (_state.Pinned is not null)
        {
            // The version that we are pinned to by now answers.
        }
        catch (CacheException e) when (e.Error == CacheError.Unsupported && _state.Status.Problem is null)
        {
            // Too many names for a live listing: the one in the background has no such bound.
            await _pinned.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Names that the live tree gave a number which the version does not have there, and directories whose attributes become exact.</summary>
    private TreeChange ChangeSinceLive(Manifest manifest, TreeStatus status)
    {
        var names = new List<(ulong Directory, byte[] Name)>();
        var inodes = new List<ulong> { LiveTree.RootInode };
        foreach (LiveNumber number in _live!.Numbers())
        {
            bool isThere = manifest.TryFindPath(number.Path, out long row);
            bool isSame = isThere && number.Inode == manifest.InodeOf(row);
            if (isSame && number.Kind == StoreEntryKind.Directory)
            {
                inodes.Add(number.Inode);
            }
            else if (!isSame && (number.IsCurrent || (number.Inode == 0 && isThere)))
            {
                names.Add((number.Directory, number.Name));
            }

            if (names.Count > MaxToldChanges || inodes.Count > MaxToldChanges)
            {
                return new TreeChange(status, null, []);
            }
        }

        return new TreeChange(status, names, inodes);
    }

    private HashOrder? TryGetOrder(Manifest manifest, long row)
    {
        lock (_ordersLock)
        {
            foreach ((Manifest Manifest, long Row, HashOrder Order) known in _orders)
            {
                if (known.Manifest == manifest && known.Row == row)
                {
                    return known.Order;
                }
            }
        }

        if (manifest.ChildrenOf(row).Count <= MaxOrderedAtOnce)
        {
            return MakeOrder(manifest, row);
        }

        _wantedOrders[manifest.InodeOf(row)] = 0;
        return null;
    }

    private async ValueTask MakeOrdersAsync(Manifest manifest)
    {
        await Task.Yield(); // A million names take a good part of a second.
        foreach (ulong directory in _wantedOrders.Keys)
        {
            if (manifest.TryFindInode(directory, out long row) && manifest.KindOf(row) == StoreEntryKind.Directory)
            {
                MakeOrder(manifest, row);
            }

            _wantedOrders.TryRemove(directory, out _);
        }
    }

    private HashOrder MakeOrder(Manifest manifest, long row)
    {
        HashOrder order = HashOrder.Of(manifest, row);
        lock (_ordersLock)
        {
            _orders.Enqueue((manifest, row, order));
            if (_orders.Count > MaxOrders)
            {
                _orders.Dequeue();
            }
        }

        return order;
    }

    /// <summary>The place in the newest version's directory of a cookie that an earlier version gave: behind the name it stood behind then.</summary>
    private static ulong PositionNow(State state, long row, ulong cookie)
    {
        ulong position = PinnedCookie.Position(cookie);
        if (position == 0)
        {
            return 0;
        }

        Manifest now = state.Pinned!.Manifest;
        foreach (Past past in state.Past)
        {
            Manifest before = past.Tree.Manifest;
            if (past.Generation != PinnedCookie.Generation(cookie))
            {
                continue;
            }

            if (!before.TryFindInode(now.InodeOf(row), out long oldRow) && !before.TryFindPath(now.PathOf(row), out oldRow))
            {
                break;
            }

            (long first, long count) = before.ChildrenOf(oldRow);
            if ((long)position > count)
            {
                return (ulong)now.ChildrenOf(row).Count;
            }

            return PositionBehind(now, row, before.NameOf(first + (long)position - 1));
        }

        return position; // Begun more versions ago than we remember: the count is the best guess.
    }

    private static ulong PositionBehind(Manifest manifest, long directoryRow, byte[] name)
    {
        if (manifest.TryLookup(directoryRow, name, out long row))
        {
            return (ulong)(row - manifest.ChildrenOf(directoryRow).First + 1);
        }

        ulong position = 0;
        NameCursor children = manifest.Children(directoryRow);
        while (children.MoveNext() && children.Name.SequenceCompareTo(name) < 0)
        {
            position++;
        }

        return position;
    }
}
