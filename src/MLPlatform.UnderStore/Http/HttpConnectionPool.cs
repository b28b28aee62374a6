namespace MLPlatform.UnderStore.Http;

/// <summary>
/// Keep-alive connections to one origin, the last used first, so that the rest can age and go. Its users bound how many are
/// in use. Any thread may call it. A watchdog, which sleeps while there are none, ends waits that lasted too long and closes what is not used any more.
/// </summary>
internal sealed class HttpConnectionPool : IAsyncDisposable
{
    // A deadline is noticed this late at most. Seconds are configured, and a finer grain would only wake the processor.
    private static readonly TimeSpan s_watchdogPeriod = TimeSpan.FromMilliseconds(250);

    // Servers close idle connections after 5 to 60 s; one closed by us costs a connect, one closed by them a failed send first.
    private static readonly TimeSpan s_maxIdle = TimeSpan.FromSeconds(30);

    // While nothing is in use: only connections that age.
    private static readonly TimeSpan s_idlePeriod = TimeSpan.FromSeconds(10);

    private readonly HttpConnector _connector;
    private readonly TimeProvider _time;
    private readonly HttpTimeouts _timeouts;
    private readonly Lock _lock = new();
    private readonly List<HttpConnection> _idle = [];
    private readonly HashSet<HttpConnection> _busy = [];
    private readonly int _maxIdle;
    private readonly ITimer _watchdog;
    private bool _watching;
    private bool _disposed;

    /// <param name="maxIdle">Connections kept while unused.</param>
    public HttpConnectionPool(HttpConnector connector, TimeProvider time, HttpTimeouts timeouts, int maxIdle)
    {
        _connector = connector;
        _time = time;
        _timeouts = timeouts;
        _maxIdle = maxIdle;
        _watchdog = time.CreateTimer(static state => ((HttpConnectionPool)state!).Watch(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public HttpOrigin Origin => _connector.Origin;

    /// <summary>Connections in use and idle.</summary>
    public (int Busy, int Idle) Count
    {
        get
        {
            lock (_lock)
            {
                return (_busy.Count, _idle.Count);
            }
        }
    }

    /// <summary>A connection tied to the token; <see cref="HttpConnection.Release"/> gives it back.</summary>
    /// <param name="fresh">Not one that was used before.</param>
    /// <exception cref="HttpFault">None could be made.</exception>
    public ValueTask<HttpConnection> RentAsync(bool fresh, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (!fresh && TryTakeIdle() is { } idle)
        {
            if (_time.GetElapsedTime(idle.IdleSince) < s_maxIdle && idle.IsQuiet())
            {
                Use(idle, cancellationToken);
                return ValueTask.FromResult(idle);
            }

            idle.Abort();
        }

        return ConnectAsync(cancellationToken);
    }

    /// <summary>Called by <see cref="HttpConnection.Release"/>.</summary>
    public void Return(HttpConnection connection, bool reusable)
    {
        lock (_lock)
        {
            _busy.Remove(connection);
            if (reusable && !_disposed && _idle.Count < _maxIdle)
            {
                _idle.Add(connection);
                return;
            }
        }

        connection.Abort();
    }

    /// <summary>Closes every connection; whoever still waits on one is woken with a fault.</summary>
    public ValueTask DisposeAsync()
    {
        HttpConnection[] all;
        lock (_lock)
        {
            if (_disposed)
            {
                return ValueTask.CompletedTask;
            }

            _disposed = true;
            all = [.. _idle, .. _busy];
            _idle.Clear();
        }

        foreach (HttpConnection connection in all)
        {
            connection.Abort();
        }

        return _watchdog.DisposeAsync();
    }

    private HttpConnection? TryTakeIdle()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_idle.Count == 0)
            {
                return null;
            }

            HttpConnection last = _idle[^1];
            _idle.RemoveAt(_idle.Count - 1);
            return last;
        }
    }

    private async ValueTask<HttpConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        HttpConnection connection = await _connector.ConnectAsync(this, _time, _timeouts, cancellationToken);
        Use(connection, cancellationToken);
        return connection;
    }

    private void Use(HttpConnection connection, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                connection.Abort();
                throw new ObjectDisposedException(nameof(HttpConnectionPool));
            }

            _busy.Add(connection);
            if (!_watching)
            {
                _watching = true;
                _watchdog.Change(s_watchdogPeriod, s_watchdogPeriod);
            }
        }

        connection.Attach(cancellationToken);
    }

    private void Watch()
    {
        List<HttpConnection>? aged = null;
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            long now = _time.GetTimestamp();
            foreach (HttpConnection connection in _busy)
            {
                connection.CheckDeadline(now);
            }

            // The oldest lie first.
            int count = 0;
            while (count < _idle.Count && _time.GetElapsedTime(_idle[count].IdleSince, now) >= s_maxIdle)
            {
                count++;
            }

            if (count > 0)
            {
                aged = _idle[..count];
                _idle.RemoveRange(0, count);
            }

            if (_busy.Count == 0)
            {
                _watching = false;
                _watchdog.Change(_idle.Count > 0 ? s_idlePeriod : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }

        foreach (HttpConnection connection in aged ?? [])
        {
            connection.Abort();
        }
    }
}
