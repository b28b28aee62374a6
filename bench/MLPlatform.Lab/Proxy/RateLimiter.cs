using System.Diagnostics;

namespace MLPlatform.Lab;

/// <summary>
/// A token bucket that many threads share, kept as the time at which the last granted byte is due (GCRA). Time overslept is
/// given back up to <see cref="s_burst"/>, so that the mean rate holds on a busy machine without letting idle time pile up.
/// </summary>
internal sealed class RateLimiter
{
    // Twice the 50 µs–2 ms that a wake-up on a busy machine is late.
    private static readonly long s_burst = Stopwatch.Frequency / 250;

    // Shorter waits than the timer can keep are owed and added to the next one.
    private static readonly long s_shortest = Stopwatch.Frequency / 1000;

    private readonly Lock _lock = new();
    private long _bytesPerSecond;
    private long _due;

    /// <summary>0 is no limit.</summary>
    public long BytesPerSecond
    {
        get => Interlocked.Read(ref _bytesPerSecond);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            Interlocked.Exchange(ref _bytesPerSecond, value);
        }
    }

    /// <summary>Bytes to ask for at once: about a millisecond's worth, so that connections share the rate evenly.</summary>
    public int Quantum
    {
        get
        {
            long rate = BytesPerSecond;
            return rate == 0 ? int.MaxValue : (int)Math.Clamp(rate / 1000, 1460, 256 << 10);
        }
    }

    /// <summary>Blocks until <paramref name="bytes"/> may be sent.</summary>
    /// <returns>False when <paramref name="stopping"/> fired first.</returns>
    public bool Take(int bytes, CancellationToken stopping)
    {
        long wait;
        lock (_lock)
        {
            long rate = BytesPerSecond;
            if (rate == 0)
            {
                return true;
            }

            long now = Stopwatch.GetTimestamp();
            _due = Math.Max(_due, now - s_burst) + (long)(bytes * (double)Stopwatch.Frequency / rate);
            wait = _due - now;
        }

        return wait < s_shortest || !stopping.WaitHandle.WaitOne(TimeSpan.FromSeconds((double)wait / Stopwatch.Frequency));
    }
}
