using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using MLPlatform.Core;

namespace MLPlatform.Cli.Metrics;

/// <summary>
/// Answers <c>GET /metrics</c> and <c>GET /healthz</c> over HTTP/1.1, one request a connection, and nothing else. Bounded in every direction: a few
/// connections at once, a few KiB a request, a deadline on each step; whoever is slow is cut off. Made before the mount, so that an address that
/// cannot be had is told before anything is mounted. It must not know what the numbers are.
/// </summary>
internal sealed class MetricsServer : IAsyncDisposable
{
    // A scraper or two and somebody with curl; more wait in the kernel's queue.
    private const int MaxConnections = 4;

    private const int Backlog = 16;

    // Browsers send about 1 KiB of headers.
    private const int MaxHeadBytes = 8 << 10;

    // Prometheus gives up after 10 s by default.
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(5);

    // How long the peer may take to close after it has its answer.
    private static readonly TimeSpan s_linger = TimeSpan.FromSeconds(1);

    // What stops an accept, descriptors that ran out as a rule, lasts longer than a moment.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    private readonly Socket _listener;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _places = new(MaxConnections, MaxConnections);
    private readonly CancellationTokenSource _stop = new();
    private Task _accepting = Task.CompletedTask;

    private MetricsServer(Socket listener, TimeProvider time, ILogger logger)
    {
        _listener = listener;
        _time = time;
        _logger = logger;
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    /// <summary>Takes the address. Connections wait until <see cref="Start"/>.</summary>
    /// <exception cref="CacheException">It cannot be had; one sentence.</exception>
    public static MetricsServer Bind(ListenAddress address, TimeProvider time, ILogger logger)
    {
        Socket? listener = null;
        try
        {
            if (address.Address is { } one)
            {
                listener = new Socket(one.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                listener.Bind(new IPEndPoint(one, address.Port));
            }
            else
            {
                bool hasV6 = Socket.OSSupportsIPv6;
                listener = new Socket(hasV6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                if (hasV6)
                {
                    listener.DualMode = true;
                }

                listener.Bind(new IPEndPoint(hasV6 ? IPAddress.IPv6Any : IPAddress.Any, address.Port));
            }

            listener.Listen(Backlog);
            return new MetricsServer(listener, time, logger);
        }
        catch (SocketException e)
        {
            listener?.Dispose();
            throw e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => new CacheException(CacheError.Busy, $"Metrics cannot be served at {address}: another process listens there; give another --metrics ADDR, with port 0 for any that is free.", e),
                SocketError.AddressNotAvailable => new CacheException(CacheError.Configuration, $"Metrics cannot be served at {address}: this machine has no such address; give one of its own, or :{address.Port} for all of them.", e),
                SocketError.AccessDenied => new CacheException(CacheError.AccessDenied, $"Metrics cannot be served at {address}: permission denied; give a port above 1023.", e),
                _ => new CacheException(CacheError.Configuration, $"Metrics cannot be served at {address}: {e.Message}", e),
            };
        }
    }

    /// <param name="metrics">Makes the text of <c>/metrics</c>; called from any thread.</param>
    /// <param name="isHealthy">Whether <c>/healthz</c> says so.</param>
    public void Start(Func<string> metrics, Func<bool> isHealthy) => _accepting = AcceptAsync(metrics, isHealthy);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;

        // Every place back means that every connection has ended; each has the token.
        for (int i = 0; i < MaxConnections; i++)
        {
            await _places.WaitAsync();
        }

        _places.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(Func<string> metrics, Func<bool> isHealthy)
    {
        try
        {
            while (true)
            {
                await _places.WaitAsync(_stop.Token);
                Socket connection;
                try
                {
                    connection = await _listener.AcceptAsync(_stop.Token);
                }
                catch (SocketException e)
                {
                    _places.Release();
                    MetricsLog.AcceptFailed(_logger, e.Message);
                    await Task.Delay(s_pause, _time, _stop.Token);
                    continue;
                }
                catch
                {
                    _places.Release();
                    throw;
                }

                _ = ServeAsync(connection, metrics, isHealthy);
            }
        }
        catch (Exception e) when (_stop.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException)
        {
            // The end that was asked for.
        }
    }

    private async Task ServeAsync(Socket connection, Func<string> metrics, Func<bool> isHealthy)
    {
        try
        {
            using Socket own = connection;
            using CancellationTokenSource deadline = new(s_deadline, _time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stop.Token);
            byte[] buffer = new byte[MaxHeadBytes];
            int length = await ReadHeadAsync(connection, buffer, either.Token);
            if (length < 0)
            {
                return;
            }

            byte[] answer = MetricsAnswer.To(buffer.AsSpan(0, length), metrics, isHealthy);
            for (ReadOnlyMemory<byte> rest = answer; !rest.IsEmpty;)
            {
                rest = rest[await connection.SendAsync(rest, SocketFlags.None, either.Token)..];
            }

            await LingerAsync(connection, buffer);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // A peer that went away or was too slow: its loss.
        }
        catch (Exception e) // A bug must not take the mount along.
        {
            MetricsLog.AnswerFailed(_logger, e);
        }
        finally
        {
            _places.Release();
        }
    }

    /// <returns>Bytes of the request's head, or what there is of it when it is too long; −1 when the peer left.</returns>
    private static async ValueTask<int> ReadHeadAsync(Socket connection, byte[] buffer, CancellationToken cancellationToken)
    {
        int length = 0;
        while (length < buffer.Length)
        {
            int received = await connection.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None, cancellationToken);
            if (received == 0)
            {
                return -1;
            }

            int from = Math.Max(0, length - 3);
            length += received;
            if (buffer.AsSpan(from, length - from).IndexOf("\r\n\r\n"u8) >= 0)
            {
                break;
            }
        }

        return length;
    }

    /// <summary>Waits for the peer to close: closing first, with bytes of its own unread, would reset the connection and could take our answer along.</summary>
    private async Task LingerAsync(Socket connection, byte[] buffer)
    {
        connection.Shutdown(SocketShutdown.Send);
        using CancellationTokenSource linger = new(s_linger, _time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(linger.Token, _stop.Token);
        while (await connection.ReceiveAsync(buffer, SocketFlags.None, either.Token) > 0)
        {
        }
    }
}
