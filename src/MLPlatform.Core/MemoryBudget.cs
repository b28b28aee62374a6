namespace MLPlatform.Core;

/// <summary>
/// The process's one hard limit on payload bytes. Whoever wants native memory for data charges it here first and returns
/// the same number. Any thread may call it. Callers that find it full wait in order; nobody overtakes.
/// </summary>
public sealed class MemoryBudget
{
    // Each waiter is one read that some open file is stuck on; the kernel bounds those by max_background.
    private const int MaxWaiters = 65_536;

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private long _used;
    private long _peak;
    private long _waiting;

    public MemoryBudget(long limitBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
        LimitBytes = limitBytes;
    }

    public long LimitBytes { get; }

    public long UsedBytes => Interlocked.Read(ref _used);

    public long PeakBytes => Interlocked.Read(ref _peak);

    /// <summary>Bytes that queued callers wait for. While it is above zero, holders of idle memory should give it back, not keep it.</summary>
    public long WaitingBytes => Interlocked.Read(ref _waiting);

    /// <summary>Raised, off the lock and on the caller's thread, when a request has been queued because it does not fit: holders of idle memory should return some.</summary>
    public event Action<long>? Pressure;

    /// <returns>False when <paramref name="bytes"/> do not fit now or others wait already.</returns>
    public bool TryCharge(long bytes)
    {
        Invariant.That(bytes > 0);
        lock (_lock)
        {
            return _waiters.Count == 0 && TryChargeUnsynchronized(bytes);
        }
    }

    /// <summary>Waits until <paramref name="bytes"/> fit.</summary>
    /// <exception cref="CacheException"><c>Configuration</c>: more than the whole budget was asked for; <c>Busy</c>: too many wait.</exception>
    public ValueTask ChargeAsync(long bytes, CancellationToken cancellationToken)
    {
        Invariant.That(bytes > 0);
        if (bytes > LimitBytes)
        {
            throw new CacheException(CacheError.Configuration, $"A request for {ByteSize.Format(bytes)} exceeds the whole memory budget of {ByteSize.Format(LimitBytes)}; raise --memory.");
        }

        if (TryCharge(bytes))
        {
            return ValueTask.CompletedTask;
        }

        Waiter waiter;
        lock (_lock)
        {
            if (_waiters.Count == 0 && TryChargeUnsynchronized(bytes))
            {
                return ValueTask.CompletedTask;
            }

            if (_waiters.Count >= MaxWaiters)
            {
                throw new CacheException(CacheError.Busy, $"More than {MaxWaiters} reads wait for memory; raise --memory.");
            }

            waiter = new Waiter(bytes);
            waiter.Node = _waiters.AddLast(waiter);
            _waiting += bytes;
        }

        // After queueing: memory that becomes idle between a look for idle memory and the queueing would otherwise be kept for ever.
        // The fence pairs with the one in BlockPool.Return.
        Interlocked.MemoryBarrier();
        Pressure?.Invoke(bytes);
        return new ValueTask(WaitAsync(waiter, cancellationToken));
    }

    public void Return(long bytes)
    {
        Invariant.That(bytes > 0);
        List<Waiter>? ready = null;
        lock (_lock)
        {
            _used -= bytes;
            Invariant.That(_used >= 0);
            ready = AdmitUnsynchronized();
        }

        Release(ready);
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

    private bool TryChargeUnsynchronized(long bytes)
    {
        if (_used + bytes > LimitBytes)
        {
            return false;
        }

        _used += bytes;
        _peak = Math.Max(_peak, _used);
        return true;
    }

    private List<Waiter>? AdmitUnsynchronized()
    {
        List<Waiter>? ready = null;
        while (_waiters.First is { } node && TryChargeUnsynchronized(node.Value.Bytes))
        {
            _waiters.RemoveFirst();
            _waiting -= node.Value.Bytes;
            node.Value.Node = null;
            (ready ??= []).Add(node.Value);
        }

        return ready;
    }

    private async Task WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                (MemoryBudget self, Waiter waiter) = ((MemoryBudget, Waiter))state!;
                self.Abandon(waiter, token);
            },
            (this, waiter));
        await waiter.Admitted.Task;
    }

    private void Abandon(Waiter waiter, CancellationToken token)
    {
        List<Waiter>? ready;
        lock (_lock)
        {
            if (waiter.Node is null)
            {
                return; // Admitted in the meantime: the caller owns the bytes and must return them.
            }

            _waiters.Remove(waiter.Node);
            _waiting -= waiter.Bytes;
            waiter.Node = null;
            ready = AdmitUnsynchronized(); // Smaller requests may have stood behind it.
        }

        waiter.Admitted.SetCanceled(token);
        Release(ready);
    }

    private sealed class Waiter(long bytes)
    {
        public long Bytes { get; } = bytes;

        public LinkedListNode<Waiter>? Node { get; set; }

        // A socket or FUSE thread that returns memory must not run the waiter's code.
        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
