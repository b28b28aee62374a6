using MLPlatform.Lab;

namespace MLPlatform.Bench.Rows;

/// <summary>Looks at a process's anonymous memory twenty times a second until disposed.</summary>
internal sealed class PeakSampler : IDisposable
{
    private readonly ProcessMeter _meter;
    private readonly Timer _timer;
    private long _peak;

    public PeakSampler(ProcessMeter meter)
    {
        _meter = meter;
        _timer = new Timer(_ => Look(), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(50));
    }

    /// <summary>The most so far.</summary>
    public long Bytes
    {
        get
        {
            Look();
            return Interlocked.Read(ref _peak);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        try
        {
            long now = _meter.AnonymousBytes;
            for (long peak = Interlocked.Read(ref _peak); now > peak; peak = Interlocked.Read(ref _peak))
            {
                Interlocked.CompareExchange(ref _peak, now, peak);
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            return; // The process has ended.
        }
    }
}
