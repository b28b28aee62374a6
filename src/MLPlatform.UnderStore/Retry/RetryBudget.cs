namespace MLPlatform.UnderStore.Retry;

/// <summary>
/// How many attempts a store may be asked again: a bucket of tokens that refills with time and, a little, with every success.
/// An empty bucket delays retries, it does not refuse them: their callers' deadlines do. Any thread may call it.
/// </summary>
internal sealed class RetryBudget
{
    private readonly TimeProvider _time;
    private readonly double _capacity;
    private readonly double _perSecond;
    private readonly double _perSuccess;
    private readonly Lock _lock = new();
    private double _tokens;
    private long _refilled;

    /// <param name="capacity">Retries that may follow each other at once: one for each of 64 parallel reads whose server died.</param>
    /// <param name="perSecond">Retries per second that a store gets however long it is down.</param>
    /// <param name="perSuccess">One failure in ten may always be tried again at once.</param>
    public RetryBudget(TimeProvider time, double capacity = 64, double perSecond = 16, double perSuccess = 0.1)
    {
        _time = time;
        _capacity = capacity;
        _perSecond = perSecond;
        _perSuccess = perSuccess;
        _tokens = capacity;
        _refilled = time.GetTimestamp();
    }

    /// <summary>Takes a token.</summary>
    /// <returns>How long to wait until it is one's own; zero while the bucket has some.</returns>
    public TimeSpan Take()
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _tokens = Math.Min(_capacity, _tokens + (_time.GetElapsedTime(_refilled, now).TotalSeconds * _perSecond));
            _refilled = now;
            _tokens--;
            return _tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-_tokens / _perSecond);
        }
    }

    /// <summary>Gives a token back that was not used, because its caller stopped waiting.</summary>
    public void Return() => Add(1);

    public void Succeeded()
    {
        // Without the lock in the common case; a stale answer costs a tenth of a token.
        if (Volatile.Read(ref _tokens) < _capacity)
        {
            Add(_perSuccess);
        }
    }

    private void Add(double tokens)
    {
        lock (_lock)
        {
            _tokens = Math.Min(_capacity, _tokens + tokens);
        }
    }
}
