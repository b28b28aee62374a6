namespace MLPlatform.Core;

/// <summary>
/// A few threads of our own for calls that block on a disk: on the thread pool they would hold up sockets and timers, which
/// run there too. Threads start on demand and leave when idle. Any thread may call it.
/// </summary>
public sealed class IoThreads : IDisposable
{
    // Each item is one read or directory page that a caller waits for; memory budgets above bound those long before.
    private const int MaxQueued = 65_536;

    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(10);

    // A monitor and no semaphore: waiting on it does not spin, and most waits here are long.
    private readonly object _lock = new();
    private readonly Queue<IThreadPoolWorkItem> _queue = new();
    private readonly int _maxThreads;
    private readonly string _name;
    private int _threads;
    private int _idle;
    private bool _disposed;

    public IoThreads(string name, int maxThreads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxThreads);
        _name = name;
        _maxThreads = maxThreads;
    }

    /// <summary>Items that wait for a thread.</summary>
    public int QueueLength
    {
        get
        {
            lock (_lock)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>Runs <paramref name="work"/>, which handles its own faults, on one of the threads.</summary>
    /// <returns>False when too many wait already, or after <see cref="Dispose"/>; nothing runs then.</returns>
    public bool TryPost(IThreadPoolWorkItem work)
    {
        bool start = false;
        lock (_lock)
        {
            if (_disposed || _queue.Count >= MaxQueued)
            {
                return false;
            }

            _queue.Enqueue(work);
            if (_idle < _queue.Count && _threads < _maxThreads)
            {
                _threads++;
                start = true;
            }
            else if (_idle > 0)
            {
                Monitor.Pulse(_lock);
            }
        }

        if (start)
        {
            new Thread(Run, maxStackSize: 256 << 10) { IsBackground = true, Name = _name }.Start();
        }

        return true;
    }

    /// <summary>Runs <paramref name="work"/> on one of the threads. What has not begun when <paramref name="cancellationToken"/> ends never begins; what has begun looks at the token by itself.</summary>
    /// <exception cref="CacheException"><c>Busy</c>: too many wait already.</exception>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Item<T> item = new(work, cancellationToken);
        if (!TryPost(item))
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
            throw new CacheException(CacheError.Busy, $"More than {MaxQueued} calls wait for the local disk.");
        }

        return item.Task;
    }

    /// <summary>Ends idle threads; what is queued still runs, so nobody waits for ever.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            Monitor.PulseAll(_lock);
        }
    }

    private void Run()
    {
        while (TryTake(out IThreadPoolWorkItem? item))
        {
            item!.Execute();
        }
    }

    /// <returns>False when the thread should end.</returns>
    private bool TryTake(out IThreadPoolWorkItem? item)
    {
        lock (_lock)
        {
            while (!_queue.TryDequeue(out item))
            {
                if (_disposed)
                {
                    _threads--;
                    return false;
                }

                _idle++;
                bool signalled = Monitor.Wait(_lock, s_idle);
                _idle--;
                if (!signalled && _queue.Count == 0)
                {
                    _threads--;
                    return false;
                }
            }

            return true;
        }
    }

    private sealed class Item<T>(Func<T> work, CancellationToken cancellationToken) : IThreadPoolWorkItem
    {
        private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<T> Task => _completion.Task;

        public void Execute()
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                _completion.SetResult(work());
            }
            catch (OperationCanceledException e)
            {
                _completion.SetCanceled(e.CancellationToken);
            }
            catch (Exception e) // Whatever it is, it belongs to the caller; the thread goes on.
            {
                _completion.SetException(e);
            }
        }
    }
}
