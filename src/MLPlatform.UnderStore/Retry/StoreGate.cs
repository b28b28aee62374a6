using MLPlatform.Core;

namespace MLPlatform.UnderStore.Retry;

/// <summary>
/// How many requests one store gets at once. The limit halves when the store throttles and grows by one per round of
/// successes (AIMD). After several transport failures in a row the store counts as degraded: one request at a time probes
/// it, everybody else waits here. Any thread may call it; waiters are served in order.
/// </summary>
internal sealed class StoreGate
{
    // Fewer would take one server's restart behind a balancer for an outage.
    private const int FailuresToDegrade = 5;

    // Each waiter is a read or listing that holds memory from a budget above.
    private const int MaxWaiters = 65_536;

    // The answers of one burst count as one refusal.
    private static readonly TimeSpan s_decreaseInterval = TimeSpan.FromMilliseconds(200);

    private readonly TimeProvider _time;
    private readonly int _max;
    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private double _limit;
    private int _inUse;
    private int _failures;
    private long _decreased;

    public StoreGate(TimeProvider time, int max)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(max);
        _time = time;
        _max = max;
        _limit = max;
        _decreased = time.GetTimestamp() - time.TimestampFrequency;
    }

    /// <summary>Raised, off the lock, with the cause on becoming degraded and null on recovery.</summary>
    public event Action<CacheException?>? StateChanged;

    public bool IsDegraded => Volatile.Read(ref _failures) >= FailuresToDegrade;

    /// <summary>Requests at once that the store is given now.</summary>
    public int Limit => IsDegraded ? 1 : Math.Max(1, (int)Volatile.Read(ref _limit));

    /// <summary>Callers that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiters.Count;
            }
        }
    }

    /// <summary>What last went wrong while degraded: the cause for those who never got a turn.</summary>
    public CacheException? Cause { get; private set; }

    /// <summary>Waits for a place; <see cref="Exit"/> gives it back.</summary>
    /// <exception cref="CacheException"><c>Busy</c>: too many wait.</exception>
    public ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            if (_waiters.Count == 0 && _inUse < Limit)
            {
                _inUse++;
                return ValueTask.CompletedTask;
            }

            if (_waiters.Count >= MaxWaiters)
            {
                throw new CacheException(CacheError.Busy, $"More than {MaxWaiters} requests wait for the store.");
            }

            waiter = new Waiter();
            waiter.Node = _waiters.AddLast(waiter);
        }

        return new ValueTask(WaitAsync(waiter, cancellationToken));
    }

    public void Exit()
    {
        List<Waiter>? ready;
        lock (_lock)
        {
            _inUse--;
            Invariant.That(_inUse >= 0);
            ready = AdmitUnsynchronized();
        }

        Release(ready);
    }

    /// <summary>The store answered as it should.</summary>
    public void Succeeded()
    {
        if (Volatile.Read(ref _failures) == 0 && Volatile.Read(ref _limit) >= _max)
        {
            return; // The common case takes no lock.
        }

        bool recovered;
        List<Waiter>? ready;
        lock (_lock)
        {
            recovered = IsDegraded;
            _failures = 0;
            Cause = null;
            _limit = Math.Min(_max, _limit + (1 / _limit));
            ready = AdmitUnsynchronized();
        }

        Release(ready);
        if (recovered)
        {
            StateChanged?.Invoke(null);
        }
    }

    /// <summary>A transient failure: throttling lowers the limit, anything else counts towards degraded.</summary>
    public void Failed(CacheException cause)
    {
        bool degraded = false;
        lock (_lock)
        {
            if (cause.Error == CacheError.Throttled)
            {
                long now = _time.GetTimestamp();
                if (_time.GetElapsedTime(_decreased, now) >= s_decreaseInterval)
                {
                    _decreased = now;
                    _limit = Math.Max(1, _limit / 2);
                }

                return;
            }

            Cause = cause;
            degraded = ++_failures == FailuresToDegrade;
        }

        if (degraded)
        {
            StateChanged?.Invoke(cause);
        }
    }

    private static void Release(List<Waiter>? ready)
    {
        if (ready is not null)
        {
            foreach (Waiter waiter in ready)
            {
                waiter.Admitted.SetResult();
            }
        }
    }

    private List<Waiter>? AdmitUnsynchronized()
    {
        List<Waiter>? ready = null;
        while (_inUse < Limit && _waiters.First is { } node)
        {
            _waiters.RemoveFirst();
            node.Value.Node = null;
            _inUse++;
            (ready ??= []).Add(node.Value);
        }

        return ready;
    }

    private async Task WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                (StoreGate self, Waiter waiter) = ((StoreGate, Waiter))state!;
                self.Abandon(waiter, token);
            },
            (this, waiter));
        await waiter.Admitted.Task;
    }

    private void Abandon(Waiter waiter, CancellationToken token)
    {
        lock (_lock)
        {
            if (waiter.Node is null)
            {
                return; // Admitted in the meantime: the caller has the place and gives it back.
            }

            _waiters.Remove(waiter.Node);
            waiter.Node = null;
        }

        waiter.Admitted.SetCanceled(token);
    }

    private sealed class Waiter
    {
        public LinkedListNode<Waiter>? Node { get; set; }

        // Whoever gives a place back must not run the next user's code.
        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
