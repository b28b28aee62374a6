using System.Net;
using System.Net.Sockets;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>
/// An HTTP/1.1 proxy on loopback that makes a healthy store slow or faulty: a declared round trip and rate, and faults on
/// chosen requests. It knows requests from responses, so that a kept-alive connection pays the latency once per request.
/// All members may be used from any thread while traffic runs. One thread per connection moves bytes with blocking calls.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly FaultProxyOptions _options;
    private readonly Lock _lock = new();
    private readonly Random _random;
    private readonly Socket _reservation;
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<ProxyConnection> _connections = [];
    private readonly List<InjectedFault> _faults = [];
    private readonly Queue<ProxiedRequest> _requests = new();
    private TaskCompletionSource? _drained;
    private Socket? _listener;
    private long _latencyTicks;
    private long _connectLatencyTicks;
    private long _requestCount;

    private FaultProxy(FaultProxyOptions options)
    {
        _options = options;
        _random = new Random(options.Seed);

        // A bound socket that never listens keeps the port ours, and refuses connections, while the proxy is down.
        _reservation = Bind(options.Port);
        Address = (IPEndPoint)_reservation.LocalEndPoint!;
    }

    public IPEndPoint Address { get; }

    /// <summary>What a client is given as its endpoint.</summary>
    public Uri Endpoint => new($"http://{Address}");

    public IPEndPoint Target => _options.Target;

    /// <summary>Added before the first byte of every response, as a longer round trip would.</summary>
    public TimeSpan Latency
    {
        get => new(Interlocked.Read(ref _latencyTicks));
        set => Interlocked.Exchange(ref _latencyTicks, value.Ticks);
    }

    /// <summary>Added once per connection, before its first request is read, as a handshake over a longer round trip would.</summary>
    public TimeSpan ConnectLatency
    {
        get => new(Interlocked.Read(ref _connectLatencyTicks));
        set => Interlocked.Exchange(ref _connectLatencyTicks, value.Ticks);
    }

    /// <summary>Limit on response bytes over all connections together; 0 is none.</summary>
    public long BytesPerSecond
    {
        get => Limiter.BytesPerSecond;
        set => Limiter.BytesPerSecond = value;
    }

    public ProxyCounters Counters => Totals.Read();

    /// <summary>Connections open now.</summary>
    public int OpenConnections
    {
        get
        {
            lock (_lock)
            {
                return _connections.Count;
            }
        }
    }

    /// <summary>The newest requests, oldest first, when <see cref="FaultProxyOptions.RecordedRequests"/> asks for them.</summary>
    public IReadOnlyList<ProxiedRequest> Requests
    {
        get
        {
            lock (_lock)
            {
                return [.. _requests];
            }
        }
    }

    internal RateLimiter Limiter { get; } = new();

    internal ProxyTotals Totals { get; } = new();

    internal CancellationToken Stopping => _stopping.Token;

    /// <summary>Starts in front of <see cref="FaultProxyOptions.Target"/>, which need not be up yet.</summary>
    /// <exception cref="CacheException"><c>Busy</c>: the port is taken.</exception>
    public static Task<FaultProxy> StartAsync(FaultProxyOptions options)
    {
        FaultProxy proxy = new(options);
        proxy.Resume();
        return Task.FromResult(proxy);
    }

    public static Task<FaultProxy> StartAsync(Uri target) => StartAsync(FaultProxyOptions.For(target));

    /// <summary>Puts a fault to work, behind those already there.</summary>
    public InjectedFault Inject(Fault fault)
    {
        InjectedFault injected = new(this, fault);
        lock (_lock)
        {
            _faults.Add(injected);
        }

        return injected;
    }

    /// <summary>Takes out all faults and releases what they hold. Latency and rate stay.</summary>
    public void ClearFaults()
    {
        InjectedFault[] faults;
        lock (_lock)
        {
            faults = [.. _faults];
        }

        foreach (InjectedFault fault in faults)
        {
            fault.Dispose();
        }
    }

    /// <summary>Refuses connections, as a host whose server is down, until <see cref="Resume"/>; the port stays ours.</summary>
    /// <param name="dropConnections">Ends the open ones too, wherever their responses are.</param>
    public void StopListening(bool dropConnections = true)
    {
        Socket? listener;
        lock (_lock)
        {
            listener = _listener;
            _listener = null;
        }

        // Shutdown of a listening socket wakes its accept(2) on Linux; the accepting thread closes it.
        Wake(listener);
        if (dropConnections)
        {
            DropConnections();
        }
    }

    /// <summary>Listens again on the same port. Does nothing when it listens already.</summary>
    public void Resume()
    {
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        Socket listener;
        lock (_lock)
        {
            if (_listener is not null)
            {
                return;
            }

            listener = Bind(Address.Port);
            listener.Listen(512);
            _listener = listener;
        }

        new Thread(() => Accept(listener), 256 << 10) { IsBackground = true, Name = "fault-proxy accept" }.Start();
    }

    /// <summary>Ends all open connections, wherever their responses are; new ones are welcome.</summary>
    public void DropConnections()
    {
        ProxyConnection[] connections;
        lock (_lock)
        {
            connections = [.. _connections];
        }

        foreach (ProxyConnection connection in connections)
        {
            connection.Abort();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }

        await _stopping.CancelAsync();
        StopListening();
        ClearFaults();
        Task drained;
        lock (_lock)
        {
            _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            drained = _connections.Count == 0 ? Task.CompletedTask : _drained.Task;
        }

        await drained.WaitAsync(TimeSpan.FromSeconds(10));
        _reservation.Dispose();
    }

    internal void Remove(InjectedFault fault)
    {
        lock (_lock)
        {
            _faults.Remove(fault);
        }
    }

    internal void Remove(ProxyConnection connection)
    {
        lock (_lock)
        {
            _connections.Remove(connection);
            if (_connections.Count == 0)
            {
                _drained?.TrySetResult();
            }
        }
    }

    /// <summary>Counts a request and draws what goes wrong with it.</summary>
    internal (ProxiedRequest Request, FaultPlan? Plan) Admit(HttpHead head)
    {
        ProxiedRequest request = ProxiedRequest.From(Interlocked.Increment(ref _requestCount), head);
        Totals.CountRequest(request.Kind);
        FaultPlan? plan = null;
        lock (_lock)
        {
            if (_options.RecordedRequests > 0)
            {
                if (_requests.Count == _options.RecordedRequests)
                {
                    _requests.Dequeue();
                }

                _requests.Enqueue(request);
            }

            foreach (InjectedFault fault in _faults)
            {
                if (fault.TakesUnsynchronized(request, _random))
                {
                    (plan ??= new FaultPlan()).Add(fault, _random);
                }
            }
        }

        return (request, plan);
    }

    private static Socket Bind(int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new CacheException(CacheError.Busy, $"Port {port} on 127.0.0.1 cannot be taken: {e.Message}.", e);
        }
    }

    private static void Wake(Socket? listener)
    {
        try
        {
            listener?.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Already closed by its thread.
            return;
        }
    }

    private void Accept(Socket listener)
    {
        using (listener)
        {
            while (true)
            {
                Socket client;
                try
                {
                    client = listener.Accept();
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    return; // StopListening woke us.
                }

                Totals.CountConnection();
                ProxyConnection connection = new(this, client);
                bool admitted;
                lock (_lock)
                {
                    admitted = ReferenceEquals(_listener, listener) && _connections.Count < _options.MaxConnections;
                    if (admitted)
                    {
                        _connections.Add(connection);
                    }
                }

                if (admitted)
                {
                    connection.Start();
                }
                else
                {
                    connection.Refuse();
                }
            }
        }
    }
}
