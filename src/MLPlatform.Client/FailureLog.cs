using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Client;

/// <summary>
/// Logs each distinct failure (file and error) once a minute, and no more than a burst of lines a second when a whole store fails.
/// What it leaves out it counts. Any thread may call it.
/// </summary>
internal sealed class FailureLog(ILogger logger, TimeProvider timeProvider)
{
    private const int MaxRemembered = 1024;
    private const int MaxLinesPerSecond = 20;
    private static readonly TimeSpan s_repeatAfter = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<(ulong Inode, CacheError Error), long> _logged = [];
    private long _second;
    private int _linesThisSecond;
    private long _suppressed;

    public void Add(FileVersion file, CacheException failure)
    {
        long suppressed;
        lock (_lock)
        {
            long now = timeProvider.GetTimestamp();
            if (!IsDueUnsynchronized((file.Inode, failure.Error), now))
            {
                return;
            }

            suppressed = _suppressed;
            _suppressed = 0;
        }

        if (suppressed > 0)
        {
            ReaderLog.FailuresSuppressed(logger, suppressed);
        }

        ReaderLog.FetchFailed(logger, file.DisplayUri, failure.Error, failure.Message);
    }

    private bool IsDueUnsynchronized((ulong, CacheError) key, long now)
    {
        if (_logged.TryGetValue(key, out long last) && timeProvider.GetElapsedTime(last, now) < s_repeatAfter)
        {
            return false;
        }

        if (_linesThisSecond == 0 || timeProvider.GetElapsedTime(_second, now) >= TimeSpan.FromSeconds(1))
        {
            _second = now;
            _linesThisSecond = 0;
        }

        if (_linesThisSecond >= MaxLinesPerSecond)
        {
            _suppressed++;
            return false;
        }

        _linesThisSecond++;
        if (_logged.Count >= MaxRemembered)
        {
            _logged.Clear(); // Repeating a line early is better than a table without a bound.
        }

        CollectionsMarshal.GetValueRefOrAddDefault(_logged, key, out _) = now;
        return true;
    }
}
