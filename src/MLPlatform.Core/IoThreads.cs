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

    private readonly Lock _lock = new();
    private readonly Queue<Item> _queue = new();
    private readonly SemaphoreSlim _available = new(0);
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

    /// <summary>Runs <paramref name="work"/> on one of the threads. What has not begun when <paramref name="cancellationToken"/> ends never begins; what has begun looks at the token by itself.</summary>
    /// <exception cref="CacheException"><c>Busy</c>: too many wait already.</exception>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Item<T> item = new(work, cancellationToken);
        bool start = false;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_queue.Count >= MaxQueued)
            {
                throw new CacheException(CacheError.Busy, $"More than {MaxQueued} calls wait for the local disk.");
            }

            _queue.Enqueue(item);
            if (_idle < _queue.Count && _threads < _maxThreads)
            {
                _threads++;
                start = true;
            }
        }

        _available.Release();
        if (start)
        {
            new Thread(Run, maxStackSize: 256 << 10) { IsBackground = true, Name = _name }.Start();
        }

        return item.Task;
    }

    /// <summary>Ends idle threads; what is queued still runs, so nobody waits for ever.</summary>
    public void Dispose()
    {
        int threads;
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            threads = _threads;
        }

        if (threads > 0)
        {
            _available.Release(threads);
        }
    }

    private void Run()
    {
        while (true)
        {
            lock (_lock)
            {
                _idle++;
            }

            bool signalled = _available.Wait(s_idle);
            Item? item;
            lock (_lock)
            {
                _idle--;
                if (!_queue.TryDequeue(out item) && (_disposed || !signalled))
                {
                    _threads--;
                    return;
                }
            }

            item?.Execute();
        }
    }

    private abstract class Item
    {
        public abstract void Execute();
    }

    private sealed class Item<T>(Func<T> work, CancellationToken cancellationToken) : Item
    {
        private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<T> Task => _completion.Task;

        public override void Execute()
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
