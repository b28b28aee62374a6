using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>
/// Logs failed operations, at most so many a second: a store that is down fails thousands. Any thread may call it.
/// </summary>
internal sealed class FailureLog(ILogger logger, TimeProvider time)
{
    private const int LinesPerSecond = 10;

    private readonly Lock _lock = new();
    private long _second = -1;
    private int _lines;
    private long _suppressed;
    private long _failures;

    /// <summary>Failures since start, logged or not.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    public void Report(string operation, string path, Errno errno, Exception exception)
    {
        Interlocked.Increment(ref _failures);
        if (errno == Errno.EINTR)
        {
            return; // The reader went away by itself.
        }

        long suppressed;
        lock (_lock)
        {
            long second = time.GetUtcNow().ToUnixTimeSeconds();
            if (second != _second)
            {
                _second = second;
                _lines = 0;
            }

            if (++_lines > LinesPerSecond)
            {
                _suppressed++;
                return;
            }

            (suppressed, _suppressed) = (_suppressed, 0);
        }

        if (suppressed > 0)
        {
            MountLog.FailuresSuppressed(logger, suppressed);
        }

        // A fault explains itself in its message; the stack is for bugs.
        MountLog.OperationFailed(logger, operation, path, errno.ToString(), exception.Message, exception is CacheException or OperationCanceledException ? null : exception);
    }
}
