using System.Net.Security;
using System.Net.Sockets;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.Http;

/// <summary>
/// One HTTP/1.1 connection: a request is written into <see cref="Request"/>, sent, its head parsed in place and its body
/// received straight where it belongs. One exchange at a time; only <see cref="Abort"/> and <see cref="CheckDeadline"/> come
/// from other threads. Waits end by closing the socket, so that no receive needs a token or a timer of its own.
/// </summary>
internal sealed partial class HttpConnection
{
    // Heads are below 1 KiB as a rule; what of the body arrives with one is copied from here, so this stays small.
    private const int InitialBufferBytes = 16 << 10;
    private const int MaxHeadBytes = 64 << 10;

    private const long NoDeadline = long.MaxValue;
    private const long Expired = long.MinValue;

    private readonly Socket _socket;
    private readonly SslStream? _tls;
    private readonly TimeProvider _time;
    private readonly long _stallTicks;
    private CancellationTokenRegistration _registration;
    private CancellationToken _token;
    private byte[] _buffer = new byte[InitialBufferBytes];
    private int _start;
    private int _end;
    private long _deadline = NoDeadline;
    private int _closed;

    public HttpConnection(HttpConnectionPool pool, Socket socket, SslStream? tls, TimeProvider time, TimeSpan stall)
    {
        Pool = pool;
        _socket = socket;
        _tls = tls;
        _time = time;
        _stallTicks = (long)(stall.TotalSeconds * time.TimestampFrequency);
    }

    public HttpConnectionPool Pool { get; }

    /// <summary>The request to send; cleared by <see cref="ExchangeAsync"/>.</summary>
    public ByteWriter Request { get; } = new(2048);

    /// <summary>Room for whoever builds the request.</summary>
    public ByteWriter Scratch { get; } = new(2048);

    /// <summary>The answer's head, after <see cref="ExchangeAsync"/>.</summary>
    public HttpResponseHead Head { get; private set; }

    /// <summary>An exchange was made on it before, so the server may have closed it meanwhile.</summary>
    public bool Reused { get; private set; }

    /// <summary>When it went back to the pool.</summary>
    public long IdleSince { get; private set; }

    /// <summary>Some of the answer to the present request has arrived.</summary>
    public bool AnswerBegan { get; private set; }

    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Text of one of <see cref="Head"/>'s slices; empty when the header is missing. Only until the body is read.</summary>
    public ReadOnlySpan<byte> Header(HttpResponseHead.Slice slice) => slice.In(_buffer);

    public string HeaderText(HttpResponseHead.Slice slice) => slice.Text(_buffer);

    /// <summary>Ties the connection to its user's token until <see cref="Release"/>.</summary>
    public void Attach(CancellationToken cancellationToken)
    {
        _token = cancellationToken;
        _registration = cancellationToken.UnsafeRegister(static state => ((HttpConnection)state!).Abort(), this);
    }

    /// <summary>Gives the connection back; it is used again only when its answer was read to the end.</summary>
    public void Release()
    {
        // Waits for a callback under way, so that a later user is never hit by it.
        _registration.Dispose();
        _registration = default;
        _token = default;
        bool armed = Disarm();
        bool reusable = armed && !IsClosed && AnswerBegan && Head.KeepAlive && _body == BodyKind.None && _start == _end;
        Reused = true;
        AnswerBegan = false;
        IdleSince = _time.GetTimestamp();
        if (_buffer.Length > InitialBufferBytes)
        {
            _buffer = new byte[InitialBufferBytes];
        }

        Pool.Return(this, reusable);
    }

    /// <summary>Closes the connection; whoever waits on it is woken. Any thread may call it.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _socket.Dispose();
            _tls?.Dispose();
        }
    }

    /// <summary>Closes the connection when its present wait is over. The pool's watchdog calls it.</summary>
    public void CheckDeadline(long now)
    {
        long deadline = Volatile.Read(ref _deadline);
        if (deadline != NoDeadline && deadline != Expired && now >= deadline && Interlocked.CompareExchange(ref _deadline, Expired, deadline) == deadline)
        {
            Abort();
        }
    }

    /// <summary>False when the server has closed an idle connection or sent something unasked.</summary>
    public bool IsQuiet()
    {
        try
        {
            return !IsClosed && !_socket.Poll(0, SelectMode.SelectRead);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Sends <see cref="Request"/> and waits for the answer's head.</summary>
    /// <param name="isHead">True for HEAD, whose answer has no body whatever its head says.</param>
    /// <param name="firstByte">Longest wait for the answer to begin.</param>
    /// <exception cref="HttpFault">It failed; nothing was handed to anybody.</exception>
    public async ValueTask ExchangeAsync(bool isHead, TimeSpan firstByte)
    {
        Invariant.That(_start == _end && _body == BodyKind.None, "the last answer was read to its end");
        _start = _end = 0;
        AnswerBegan = false;
        try
        {
            long firstByteTicks = (long)(firstByte.TotalSeconds * _time.TimestampFrequency);
            Arm(firstByteTicks);
            if (_tls is null)
            {
                ReadOnlyMemory<byte> rest = Request.WrittenMemory;
                while (!rest.IsEmpty)
                {
                    rest = rest[await _socket.SendAsync(rest, SocketFlags.None)..];
                }
            }
            else
            {
                await _tls.WriteAsync(Request.WrittenMemory);
            }

            while (true)
            {
                int received = await ReceiveRawAsync(_buffer.AsMemory(_end), AnswerBegan ? _stallTicks : firstByteTicks);
                if (received == 0)
                {
                    throw new HttpFault(HttpFaultKind.Broken, "closed the connection before it answered");
                }

                AnswerBegan = true;
                _end += received;
                if (TryParseHead(isHead))
                {
                    return;
                }

                if (_end == _buffer.Length)
                {
                    if (_buffer.Length >= MaxHeadBytes)
                    {
                        throw new HttpFault(HttpFaultKind.Malformed, $"sent more than {MaxHeadBytes >> 10} KiB of headers");
                    }

                    Array.Resize(ref _buffer, _buffer.Length * 2);
                }
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            throw Translate(e);
        }
        finally
        {
            Request.Clear();
        }
    }

    private bool TryParseHead(bool isHead)
    {
        while (true)
        {
            HttpResponseHead head = HttpResponseHead.Parse(_buffer.AsSpan(_start, _end - _start), _start, out int length);
            if (length == 0)
            {
                return false;
            }

            _start += length;
            if (head.Status is >= 100 and < 200)
            {
                continue; // Interim answers come before the true one.
            }

            Head = head;
            BeginBody(isHead);
            return true;
        }
    }

    /// <summary>Starts or prolongs the present wait.</summary>
    private void Arm(long ticks)
    {
        long old = Interlocked.Exchange(ref _deadline, _time.GetTimestamp() + ticks);
        if (old == Expired)
        {
            Volatile.Write(ref _deadline, Expired);
            throw new ObjectDisposedException(nameof(HttpConnection));
        }
    }

    /// <returns>False when the deadline had passed.</returns>
    private bool Disarm() => Interlocked.Exchange(ref _deadline, NoDeadline) != Expired;

    private ValueTask<int> ReceiveRawAsync(Memory<byte> destination, long ticks)
    {
        Arm(ticks);
        return _tls is null ? _socket.ReceiveAsync(destination, SocketFlags.None) : _tls.ReadAsync(destination);
    }

    /// <summary>Why a wait on this connection ended: its user's token, its deadline or the peer.</summary>
    private Exception Translate(Exception e)
    {
        if (_token.IsCancellationRequested)
        {
            return new OperationCanceledException(_token);
        }

        if (Volatile.Read(ref _deadline) == Expired)
        {
            return new HttpFault(HttpFaultKind.TimedOut, AnswerBegan ? "stopped sending in the middle of an answer" : "took a request and did not answer in time", e);
        }

        SocketException? socket = e as SocketException ?? e.InnerException as SocketException;
        return new HttpFault(HttpFaultKind.Broken, socket?.SocketErrorCode == SocketError.ConnectionReset ? "reset the connection" : "broke the connection", e);
    }
}
