using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>
/// Decides which parts of one store are fetched now: no more at once than the store is worth, what a reader waits for before what is
/// fetched ahead. Any thread may call it. A queued part already holds its memory, so the budget bounds the queue.
/// Its lock is the innermost: while holding it, it asks the source for a number and the thread pool for a thread, and nobody else.
/// </summary>
internal sealed class FetchQueue(Func<int> parallelism, TimeProvider timeProvider)
{
    // New fetches count an eighth: a few slow ones do not double every window.
    private const double LatencyWeight = 0.125;

    private readonly Lock _lock = new();
    private readonly LinkedList<Part> _demand = new();
    private readonly LinkedList<Part> _ahead = new();
    private int _active;
    private double _latencySeconds;

    public int Active => Volatile.Read(ref _active);

    public int Queued
    {
        get
        {
            lock (_lock)
            {
                return _demand.Count + _ahead.Count;
            }
        }
    }

    /// <summary>How long a fetch takes from its start to its last byte; zero when none has ended yet.</summary>
    public double LatencySeconds => Volatile.Read(ref _latencySeconds);

    /// <summary>Why the last fetch failed or took so long; null after one that succeeded. The cause for those who never got a turn.</summary>
    public Exception? LastCause { get; private set; }

    public void Enqueue(Part part)
    {
        lock (_lock)
        {
            // The usual case needs no place in a queue.
            if (_demand.Count == 0 && (!part.IsAhead || _ahead.Count == 0) && _active < Limit(part.IsAhead))
            {
                _active++;
                part.Start();
                return;
            }

            part.QueueNode = (part.IsAhead ? _ahead : _demand).AddLast(part);
            StartUnsynchronized();
        }
    }

    /// <summary>A reader waits for it now.</summary>
    public void Promote(Part part)
    {
        lock (_lock)
        {
            if (part.QueueNode?.List == _ahead)
            {
                _ahead.Remove(part.QueueNode);
                _demand.AddLast(part.QueueNode);
                StartUnsynchronized();
            }
        }
    }

    /// <returns>False when its turn has come already.</returns>
    public bool TryRemove(Part part)
    {
        lock (_lock)
        {
            if (part.QueueNode is not { } node)
            {
                return false;
            }

            node.List!.Remove(node);
            part.QueueNode = null;
            return true;
        }
    }

    /// <param name="failure">Null: all bytes have come.</param>
    public void OnFetchEnded(Part part, CacheException? failure)
    {
        lock (_lock)
        {
            if (failure is null)
            {
                double seconds = timeProvider.GetElapsedTime(part.FetchStarted).TotalSeconds;
                _latencySeconds += (seconds - _latencySeconds) * (_latencySeconds == 0 ? 1 : LatencyWeight);
            }

            // Who was cancelled by his reader tells by the inner exception what the store was busy with, if anything.
            Exception? cause = failure is { Error: CacheError.Interrupted } ? failure.InnerException : failure;
            if (failure is null || cause is not null)
            {
                LastCause = cause;
            }

            _active--;
            Invariant.That(_active >= 0);
            StartUnsynchronized();
        }
    }

    // A quarter is kept free of readahead, so that a reader who must wait does not also wait for a stranger's eight megabytes.
    private int Limit(bool isAhead)
    {
        int limit = Math.Max(1, parallelism());
        return isAhead ? Math.Max(1, limit - (limit / 4)) : limit;
    }

    private void StartUnsynchronized()
    {
        while (TakeUnsynchronized() is { } part)
        {
            _active++;
            part.Start();
        }
    }

    private Part? TakeUnsynchronized()
    {
        LinkedList<Part> queue = _demand.Count > 0 ? _demand : _ahead;
        if (queue.First is not { } node || _active >= Limit(queue == _ahead))
        {
            return null;
        }

        queue.Remove(node);
        node.Value.QueueNode = null;
        return node.Value;
    }
}
