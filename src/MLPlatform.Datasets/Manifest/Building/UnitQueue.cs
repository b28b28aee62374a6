namespace MLPlatform.Datasets;

/// <summary>Hands open units to workers until none is open and none can come. Any thread may call it. It does not own the stack.</summary>
internal sealed class UnitQueue : IDisposable
{
    private readonly Lock _lock = new();
    private readonly UnitStack _stack;
    private readonly int _workers;
    private readonly SemaphoreSlim _available;
    private int _active;

    public UnitQueue(UnitStack stack, int workers)
    {
        _stack = stack;
        _workers = workers;

        // Before the first unit is taken nobody else could tell that there are none.
        _available = new SemaphoreSlim(stack.Count > 0 ? checked((int)stack.Count) : workers);
    }

    public void Add(IReadOnlyList<OpenUnit> units)
    {
        if (units.Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            foreach (OpenUnit unit in units)
            {
                _stack.Push(unit);
            }
        }

        _available.Release(units.Count);
    }

    /// <returns>Null when the listing is complete; else a unit for which the caller calls <see cref="Done"/> once it is closed.</returns>
    public async ValueTask<OpenUnit?> TakeAsync(CancellationToken cancellationToken)
    {
        await _available.WaitAsync(cancellationToken);
        lock (_lock)
        {
            OpenUnit? unit = _stack.TryPop();
            _active += unit is null ? 0 : 1;
            return unit;
        }
    }

    public void Done()
    {
        bool complete;
        lock (_lock)
        {
            complete = --_active == 0 && _stack.Count == 0;
        }

        if (complete)
        {
            _available.Release(_workers);
        }
    }

    public void Dispose() => _available.Dispose();
}
