namespace MLPlatform.UnderStore.Retry;

/// <summary>How long to wait before the next attempt: exponential with jitter, so that readers who failed together do not come back together.</summary>
internal sealed class RetryPolicy
{
    private readonly Random _random;
    private readonly Lock _lock = new();

    /// <param name="random">Seeded by the owner; used under a lock.</param>
    public RetryPolicy(Random random) => _random = random;

    /// <summary>Wait after the first failure, before jitter. A broken connection is often alone, so it is short.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest wait: a store that comes back is noticed within this.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Failures in a row without a byte of progress are given up after this even when the caller set no deadline.</summary>
    public TimeSpan MaxWithoutProgress { get; init; } = TimeSpan.FromMinutes(5);

    /// <param name="failures">In a row, at least 1.</param>
    /// <returns>Between half and all of <see cref="FirstDelay"/> · 2^(failures − 1), at most <see cref="MaxDelay"/>.</returns>
    public TimeSpan Delay(int failures)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failures, 1);
        double full = Math.Min(MaxDelay.TotalSeconds, FirstDelay.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 30)));
        double share;
        lock (_lock)
        {
            share = _random.NextDouble();
        }

        return TimeSpan.FromSeconds(full * (0.5 + (share / 2)));
    }
}
