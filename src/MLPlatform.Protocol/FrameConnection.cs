using System.IO.Pipelines;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>
/// Requests and responses of two processes over one stream, many at a time, in both directions. Any thread may call it. Every wait ends with its deadline; when
/// the stream ends, all requests fail with <c>Unreachable</c> at once. Other part: <c>.Serving</c>. It does not know what a request means, or what carries
/// the bytes.
/// </summary>
public sealed partial class FrameConnection : IAsyncDisposable
{
    private readonly IFrameTransport _transport;
    private readonly IRequestHandler? _handler;
    private readonly FrameConnectionOptions _options;
    private readonly FrameReader _reader;
    private readonly FrameWriter _writer;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, PendingRequest> _pending = [];
    private CreditGate? _credits;
    private FrameLimits? _peerLimits;
    private CacheException? _failure;
    private ulong _lastId;
    private int _isDisposed;

    private FrameConnection(IFrameTransport transport, IRequestHandler? handler, FrameConnectionOptions options)
    {
        _transport = transport;
        _handler = handler;
        _options = options;
        _reader = new FrameReader(transport, options.Limits.MaxPayloadBytes, options.Pool);
        _writer = new FrameWriter(transport);
    }

    /// <summary>Ends when the connection has; never faulted.</summary>
    public Task Completion => _completion.Task;

    /// <summary>What the other process says its number is; 0 before it has said so.</summary>
    public int PeerProcessId { get; private set; }

    /// <summary>Requests without a response.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock)
            {
                return _pending.Count;
            }
        }
    }

    /// <summary>Greets whoever listens, and is ready for requests.</summary>
    /// <param name="transport">Owned from now on, also when this fails.</param>
    /// <param name="handler">For the other side's requests; null: they are refused.</param>
    /// <exception cref="CacheException">Refused with the other side's reason; <c>Unreachable</c>: it does not answer.</exception>
    public static Task<FrameConnection> ConnectAsync(IFrameTransport transport, IRequestHandler? handler, FrameConnectionOptions options, CancellationToken cancellationToken) =>
        StartAsync(new FrameConnection(transport, handler, options), static (connection, token) => connection.GreetAsync(token), cancellationToken);

    /// <summary>Waits for the other side's greeting and answers it.</summary>
    /// <param name="transport">Owned from now on, also when this fails.</param>
    /// <param name="refusal">Why nobody is welcome; null: everybody is.</param>
    /// <exception cref="CacheException">The other side does not greet, or not as it should, or was refused.</exception>
    public static Task<FrameConnection> AcceptAsync(
        IFrameTransport transport, IRequestHandler? handler, FrameConnectionOptions options, CacheException? refusal, CancellationToken cancellationToken) =>
        StartAsync(new FrameConnection(transport, handler, options), (connection, token) => connection.WelcomeAsync(refusal, token), cancellationToken);

    /// <summary>Sends a request and waits for its response.</summary>
    /// <param name="payload">Stays the caller's.</param>
    /// <param name="descriptors">Go along and stay the caller's.</param>
    /// <param name="timeout">From now to the response.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="CacheException">The other side's error; <c>Unreachable</c>: the connection has ended; <c>DeadlineExceeded</c>.</exception>
    /// <exception cref="OperationCanceledException">The token ended; the other side is told so.</exception>
    public async Task<ReceivedFrame> RequestAsync(
        ushort method, FramePayload payload, ReadOnlyMemory<SafeFileHandle> descriptors, TimeSpan timeout, CancellationToken cancellationToken)
    {
        int length = payload.Length;
        if (length > _peerLimits!.MaxPayloadBytes || length > _peerLimits.MaxRequestBytes)
        {
            throw new CacheException(CacheError.Unsupported, $"A request of {length} bytes is larger than {_transport.Peer} takes.");
        }

        long began = _options.Time.GetTimestamp();
        using CancellationTokenSource deadline = new(timeout, _options.Time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        PendingRequest pending = new(length);
        ulong id = 0;
        try
        {
            await _credits!.TakeAsync(length, either.Token);
            id = Register(pending);
            TimeSpan left = timeout - _options.Time.GetElapsedTime(began);
            uint milliseconds = (uint)Math.Clamp(left.TotalMilliseconds, 1, uint.MaxValue);
            try
            {
                await WriteAsync(new FrameHeader(FrameKind.Request, id, 0, 0, milliseconds, method, 0, 0), payload, descriptors, either.Token);
            }
            catch
            {
                Unregister(id);
                throw;
            }

            using (either.Token.UnsafeRegister(static state => ((PendingRequest)state!).TryAbandon(CancellationToken.None), pending))
            {
                return ResponseOf(await pending.Response);
            }
        }
        catch (OperationCanceledException e)
        {
            if (id != 0)
            {
                SendCancel(id);
            }

            if (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(e.Message, e, cancellationToken);
            }

            throw new CacheException(CacheError.DeadlineExceeded, $"{_transport.Peer} did not answer within {timeout.TotalSeconds:0.###} s.", e);
        }
    }

    /// <summary>Ends the connection for both sides, and waits for requests of the other side that are under way.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            End(new CacheException(CacheError.Unreachable, "The connection was closed."));
            await _transport.DisposeAsync();
        }

        await _completion.Task;
    }

    private static async Task<FrameConnection> StartAsync(FrameConnection connection, Func<FrameConnection, CancellationToken, Task> handshake, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = new(connection._options.HandshakeTimeout, connection._options.Time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await handshake(connection, either.Token);
        }
        catch (Exception e)
        {
            await connection._transport.Input.CompleteAsync();
            await connection._transport.DisposeAsync();
            connection._completion.TrySetResult();
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                throw new CacheException(CacheError.Unreachable, $"{connection._transport.Peer} does not answer.", e);
            }

            throw;
        }

        _ = Task.Run(connection.ReceiveAsync, CancellationToken.None);
        return connection;
    }

    private async Task GreetAsync(CancellationToken cancellationToken)
    {
        await SendGreetingAsync(FrameKind.Hello, cancellationToken);
        using ReceivedFrame answer = await ReadGreetingAsync(cancellationToken);
        if (answer.Header.Kind == FrameKind.Refuse)
        {
            throw ErrorIn(answer);
        }

        Meet(answer, FrameKind.Welcome);
    }

    private async Task WelcomeAsync(CacheException? refusal, CancellationToken cancellationToken)
    {
        try
        {
            using ReceivedFrame hello = await ReadGreetingAsync(cancellationToken);
            Meet(hello, FrameKind.Hello);
            if (refusal is not null)
            {
                throw refusal;
            }
        }
        catch (CacheException e) when (e.Error != CacheError.Unreachable)
        {
            await await WriteAsync(
                new FrameHeader(FrameKind.Refuse, 0, 0, 0, 0, 0, FrameStatus.Of(e.Error), 0), new FramePayload(Encoding.UTF8.GetBytes(e.Message)), default, cancellationToken);
            throw;
        }

        await SendGreetingAsync(FrameKind.Welcome, cancellationToken);
    }

    private async Task SendGreetingAsync(FrameKind kind, CancellationToken cancellationToken) =>
        await await WriteAsync(
            new FrameHeader(kind, 0, 0, 0, 0, 0, 0, 0), new FramePayload(new Greeting(_options.Service, Environment.ProcessId, _options.Limits).Write()), default, cancellationToken);

    private async Task<ReceivedFrame> ReadGreetingAsync(CancellationToken cancellationToken) =>
        await _reader.ReadAsync(cancellationToken) ?? throw new CacheException(CacheError.Unreachable, $"{_transport.Peer} ended the connection without a greeting.");

    private void Meet(ReceivedFrame frame, FrameKind kind)
    {
        if (frame.Header.Kind != kind)
        {
            throw new CacheException(CacheError.Corrupt, "The connection does not begin with a greeting.");
        }

        Greeting greeting = Greeting.Read(frame.Payload.Span, _options.Service);
        PeerProcessId = greeting.ProcessId;
        _peerLimits = greeting.Limits;
        _credits = new CreditGate(greeting.Limits.MaxRequests, greeting.Limits.MaxRequestBytes);
    }

    private ulong Register(PendingRequest pending)
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                throw _failure;
            }

            ulong id = ++_lastId;
            _pending.Add(id, pending);
            return id;
        }
    }

    /// <summary>A request that was not sent, or whose response has come.</summary>
    private PendingRequest? Unregister(ulong id)
    {
        PendingRequest? pending;
        lock (_lock)
        {
            if (!_pending.Remove(id, out pending))
            {
                return null;
            }
        }

        _credits!.Return(pending.Bytes);
        return pending;
    }

    private ReceivedFrame ResponseOf(ReceivedFrame frame)
    {
        if (frame.Header.Status == FrameStatus.Ok && !frame.IsDropped)
        {
            return frame;
        }

        using (frame)
        {
            throw frame.IsDropped ? new CacheException(CacheError.Busy, $"There is no memory for an answer of {_transport.Peer}.") : ErrorIn(frame);
        }
    }

    private static CacheException ErrorIn(ReceivedFrame frame) =>
        new(FrameStatus.ErrorOf(frame.Header.Status), Encoding.UTF8.GetString(frame.Payload.Span));

    private void SendCancel(ulong id)
    {
        lock (_lock)
        {
            if (!_pending.ContainsKey(id))
            {
                return;
            }
        }

        _ = CancelAsync(id);
    }

    private async Task CancelAsync(ulong id)
    {
        try
        {
            await WriteAsync(new FrameHeader(FrameKind.Cancel, id, 0, 0, 0, 0, 0, 0), default, default, _ended.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or CacheException)
        {
            // The connection has ended, which cancels everything.
        }
    }

    /// <summary>Writes a frame into the pipe. When the returned task is there, payload and descriptors are the caller's again.</summary>
    /// <returns>Ends when the pipe has room for more.</returns>
    private async Task<Task> WriteAsync(FrameHeader header, FramePayload payload, ReadOnlyMemory<SafeFileHandle> descriptors, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        bool isWritten = false;
        try
        {
            if (_ended.IsCancellationRequested)
            {
                throw _failure ?? new CacheException(CacheError.Unreachable, "The connection has ended.");
            }

            _writer.Write(header, payload, descriptors.Span);
            isWritten = true;
        }
        finally
        {
            if (!isWritten)
            {
                _writing.Release();
            }
        }

        // The next frame waits for this flush, so that what lies in the pipe stays bounded.
        return FlushAsync();
    }

    private async Task FlushAsync()
    {
        try
        {
            FlushResult result = await _writer.FlushAsync();
            if (result.IsCompleted)
            {
                End(new CacheException(CacheError.Unreachable, $"{_transport.Peer} has ended the connection."));
            }
        }
        catch (Exception e) // The pipe was completed under us: the connection has ended.
        {
            End(new CacheException(CacheError.Unreachable, $"{_transport.Peer} has ended the connection.", e));
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>The connection is of no use any more: everybody hears of it. Idempotent.</summary>
    private void End(CacheException reason)
    {
        List<PendingRequest> pending;
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = reason;
            pending = [.. _pending.Values];
            _pending.Clear();
        }

        _credits?.Fail(reason);
        foreach (PendingRequest request in pending)
        {
            request.Fail(reason);
        }

        _ended.Cancel();
    }
}
