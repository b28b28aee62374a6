using System.Net.Sockets;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>Takes connections at a socket file of mode 0600, for this user's processes only. One handler for all; connections end with the listener.</summary>
public sealed class UnixFrameListener : IAsyncDisposable
{
    // Each is a process of this user with a mount or a preload.
    private const int MaxConnections = 128;
    private const int Backlog = 64;

    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromMilliseconds(100);

    private readonly string _path;
    private readonly Socket _socket;
    private readonly IRequestHandler _handler;
    private readonly FrameConnectionOptions _options;
    private readonly CancellationTokenSource _closing = new();
    private readonly HashSet<Task> _connections = [];
    private readonly Task _accepting;

    private UnixFrameListener(string path, Socket socket, IRequestHandler handler, FrameConnectionOptions options)
    {
        _path = path;
        _socket = socket;
        _handler = handler;
        _options = options;
        _accepting = Task.Run(AcceptLoopAsync);
    }

    /// <param name="path">A file left there is replaced: the caller holds a lock that says that its maker is gone.</param>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: there can be no socket.</exception>
    public static UnixFrameListener Listen(string path, IRequestHandler handler, FrameConnectionOptions options)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            File.Delete(path);

            // The file that bind(2) makes has the mode of the socket, so it is never open to others, not even for a moment.
            if (ProtocolLibc.Fchmod((int)socket.Handle, 0x180) != 0)
            {
                throw new IOException("The mode of a socket cannot be set.");
            }

            using UnixSocketAddress address = UnixSocketAddress.Of(path);
            socket.Bind(address.EndPoint);
            socket.Listen(Backlog);
            return new UnixFrameListener(path, socket, handler, options);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new CacheException(CacheError.DeviceFailed, $"The socket {path} cannot be made: {e.Message}", e);
        }
    }

    /// <summary>Ends all connections and removes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closing.IsCancellationRequested)
        {
            return;
        }

        try
        {
            File.Delete(_path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next owner replaces it.
        }

        await _closing.CancelAsync();
        _socket.Dispose();
        await _accepting;
        Task[] connections;
        lock (_connections)
        {
            connections = [.. _connections];
        }

        await Task.WhenAll(connections);
    }

    private async Task AcceptLoopAsync()
    {
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                Begin(await _socket.AcceptAsync(_closing.Token));
            }
            catch (Exception e) when (_closing.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            catch (SocketException e)
            {
                // Out of descriptors, most likely: others may close some.
                ProtocolLog.AcceptFailed(_options.Logger, _path, e);
                await Task.Delay(s_pauseAfterFailure, _options.Time);
            }
        }
    }

    private void Begin(Socket socket)
    {
        lock (_connections)
        {
            CacheException? refusal = _connections.Count >= MaxConnections ? new CacheException(CacheError.Busy, $"{MaxConnections} processes are connected already.") : null;
            if (_connections.Count >= 2 * MaxConnections)
            {
                socket.Dispose();
                return;
            }

            Task connection = Task.Run(() => ServeAsync(socket, refusal));
            _connections.Add(connection);
            _ = connection.ContinueWith(Forget, TaskScheduler.Default);
        }
    }

    private void Forget(Task connection)
    {
        lock (_connections)
        {
            _connections.Remove(connection);
        }
    }

    private async Task ServeAsync(Socket socket, CacheException? refusal)
    {
        FrameConnection connection;
        try
        {
            connection = await FrameConnection.AcceptAsync(UnixFrameTransport.Over(socket), _handler, _options, refusal, _closing.Token);
        }
        catch (Exception e) when (e is CacheException or OperationCanceledException)
        {
            if (e is CacheException { Error: not CacheError.Unreachable })
            {
                ProtocolLog.Refused(_options.Logger, e.Message);
            }

            return;
        }

        await using (connection)
        await using (_closing.Token.UnsafeRegister(static state => _ = ((FrameConnection)state!).DisposeAsync().AsTask(), connection))
        {
            await connection.Completion;
        }
    }
}
