namespace MLPlatform.Lab;

/// <summary>A fault at work in a <see cref="FaultProxy"/>. Any thread may use it. Disposing takes it out and releases what it holds.</summary>
public sealed class InjectedFault : IDisposable
{
    private readonly FaultProxy _proxy;
    private readonly Lock _lock = new();
    private readonly List<(long Hits, TaskCompletionSource Reached)> _awaited = [];
    private readonly ManualResetEventSlim _released = new(false);
    private long _seen;
    private long _hits;

    internal InjectedFault(FaultProxy proxy, Fault fault)
    {
        _proxy = proxy;
        Fault = fault;
    }

    public Fault Fault { get; }

    /// <summary>Requests the fault has taken effect on: answered, cut, flipped, or held.</summary>
    public long Hits => Interlocked.Read(ref _hits);

    /// <summary>Completes when <see cref="Hits"/> is at least <paramref name="hits"/>, so that a test need not sleep.</summary>
    public Task HitAsync(long hits = 1, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_hits >= hits)
            {
                return Task.CompletedTask;
            }

            TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited.Add((hits, reached));
            return reached.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Lets stalled and black-holed requests go on, and holds no more.</summary>
    public void Release() => _released.Set();

    public void Dispose()
    {
        _proxy.Remove(this);
        Release();
    }

    /// <summary>Decides whether this fault concerns a request. The caller holds the proxy's lock.</summary>
    internal bool TakesUnsynchronized(ProxiedRequest request, Random random)
    {
        if (_released.IsSet || (Fault.Where is { } where && !where(request)))
        {
            return false;
        }

        _seen++;
        if (_seen <= Fault.Skip || _seen - Fault.Skip > Fault.Count)
        {
            return false;
        }

        if (Fault.Probability < 1 && random.NextDouble() >= Fault.Probability)
        {
            _seen--; // Count counts hits, so a request that was spared does not use one up.
            return false;
        }

        return true;
    }

    internal void CountHit()
    {
        lock (_lock)
        {
            _hits++;
            for (int i = _awaited.Count - 1; i >= 0; i--)
            {
                if (_awaited[i].Hits <= _hits)
                {
                    _awaited[i].Reached.SetResult();
                    _awaited.RemoveAt(i);
                }
            }
        }
    }

    /// <summary>Blocks the connection's thread until released.</summary>
    /// <returns>False when the proxy stops meanwhile.</returns>
    internal bool Hold(CancellationToken stopping)
    {
        try
        {
            _released.Wait(stopping);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
