using MLPlatform.Core;

namespace MLPlatform.Tiers.Index;

/// <summary>
/// FASTER's log only grows and its hash table keeps its size. So when removed records take as much room as live ones, or the
/// table is too small, a thread copies what lives into a new generation and puts that in the place of the old one. Look-ups and changes go on: while the copy is under way
/// changes are made in both.
/// </summary>
internal sealed partial class FasterBlockIndex
{
    // Small indexes need not be rebuilt for a few removed entries: this is 87,000 of them.
    private const long SlackBytes = 4 << 20;

    // The retired generation is garbage, but nothing else here allocates much, so a collection that would find it may not come for hours.
    private const long CollectBytes = 16 << 20;

    private readonly Lock _rebuildLock = new();
    private FasterGeneration? _next;
    private bool _isCopyIncomplete;
    private Task _rebuild = Task.CompletedTask;
    private long _rebuilds;

    // After a failed rebuild (no memory) the next waits until the log has grown this far.
    private long _rebuildFrom;

    /// <summary>The rebuild under way, or the last one.</summary>
    internal Task Rebuilding
    {
        get
        {
            lock (_rebuildLock)
            {
                return _rebuild;
            }
        }
    }

    /// <summary>Generations that replaced another.</summary>
    internal long Rebuilds => Interlocked.Read(ref _rebuilds);

    private void AfterChange()
    {
        FasterGeneration generation = Volatile.Read(ref _current);
        long count = Count;
        long log = generation.LogBytes;
        if (count <= generation.MaxEntries && log <= (2 * count * FasterGeneration.RecordBytes) + SlackBytes)
        {
            return;
        }

        // Half of what the log can hold: writers are faster than the copy, so they wait for it. The other half is
        // far more than what threads on their way here can add.
        bool mustWait = log > generation.MaxLogBytes / 2;
        Task rebuild;
        lock (_rebuildLock)
        {
            if (_isDisposed || generation != Volatile.Read(ref _current))
            {
                return;
            }

            if (_rebuild.IsCompleted && (mustWait || log >= _rebuildFrom))
            {
                _rebuild = Task.Factory.StartNew(Rebuild, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }

            rebuild = _rebuild;
        }

        if (mustWait)
        {
            rebuild.GetAwaiter().GetResult();
        }
    }

    private void Rebuild()
    {
        FasterGeneration old = _current;
        FasterGeneration? next = null;
        try
        {
            next = new FasterGeneration(Count);
            using (EnterAll())
            {
                _next = next;
                _isCopyIncomplete = false;
            }

            old.Visit((key, _) => !_isDisposed && Copy(old, next, key));
            using (EnterAll())
            {
                _next = null;
                if (_isCopyIncomplete)
                {
                    throw new InsufficientMemoryException("A change did not fit into the copy.");
                }

                if (!_isDisposed)
                {
                    Volatile.Write(ref _current, next);
                    next = null;
                }
            }

            if (next is null)
            {
                long retired = old.MemoryBytes;
                old.Dispose();
                _rebuildFrom = 0;
                Interlocked.Increment(ref _rebuilds);
                if (retired > CollectBytes)
                {
                    old = null!;
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
                }
            }
        }
        catch (Exception e)
        {
            using (EnterAll())
            {
                _next = null;
            }

            _rebuildFrom = old.LogBytes + (old.LogBytes / 4);
            IndexLog.RebuildFailed(_logger, Count, e);
            throw;
        }
        finally
        {
            next?.Dispose();
        }
    }

    private bool Copy(FasterGeneration old, FasterGeneration next, in FileKey key)
    {
        lock (StripeOf(key))
        {
            // One that changed since the copy began is in the new generation already.
            if (old.TryRead(key, out IndexOutput now) && now.Found && next.TryRead(key, out IndexOutput there) && !there.Found)
            {
                next.TryWrite(key, now.Location, out _);
            }
        }

        return true;
    }

    private void StopRebuilding()
    {
        Task rebuild = Rebuilding;
        try
        {
            rebuild.Wait();
        }
        catch (AggregateException)
        {
            // Logged where it failed.
        }

        Invariant.That(_next is null);
    }
}
