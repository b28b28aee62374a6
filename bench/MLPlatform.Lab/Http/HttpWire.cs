using System.Buffers;
using System.Net.Sockets;

namespace MLPlatform.Lab;

/// <summary>
/// One end of an HTTP/1.1 connection over a blocking socket, with a receive buffer that is parsed in place. One thread uses
/// it; another may only call <see cref="Abort"/>. Blocking calls on an own thread are the cheapest way to move bytes.
/// </summary>
internal sealed class HttpWire : IDisposable
{
    // S3 keys take 1,024 bytes, each %-escaped to three at most; the rest is fields.
    private const int MaxHeadBytes = 64 << 10;

    private readonly Socket _socket;
    private byte[] _buffer;
    private int _start;
    private int _end;

    public HttpWire(Socket socket, int bufferBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bufferBytes, MaxHeadBytes);
        _socket = socket;
        _socket.NoDelay = true;
        _buffer = ArrayPool<byte>.Shared.Rent(bufferBytes);
    }

    public Socket Socket => _socket;

    /// <summary>Received and not yet consumed. Writable, so that a fault can be put into it.</summary>
    public Span<byte> Buffered => _buffer.AsSpan(_start, _end - _start);

    /// <summary>True when the peer has closed or reset and nothing of it is left to read.</summary>
    public bool PeerHasClosed => _start == _end && _socket.Poll(0, SelectMode.SelectRead) && _socket.Available == 0;

    /// <summary>Receives until a whole head is buffered. It stays buffered until consumed.</summary>
    /// <returns>Its length; 0 when the peer closed before its first byte.</returns>
    /// <exception cref="IOException">The peer closed inside the head, or the head is larger than 64 KiB.</exception>
    public int ReadHead()
    {
        int seen = 0;
        while (true)
        {
            int end = Buffered[seen..].IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return seen + end + 4;
            }

            seen = Math.Max(0, Buffered.Length - 3);
            if (Buffered.Length >= MaxHeadBytes)
            {
                throw new IOException($"An HTTP head is larger than {MaxHeadBytes} bytes.");
            }

            if (!Fill())
            {
                return Buffered.IsEmpty ? 0 : throw new IOException("The connection was closed inside an HTTP head.");
            }
        }
    }

    /// <returns>The length of the next line with its CRLF; it stays buffered until consumed.</returns>
    public int ReadLine()
    {
        while (true)
        {
            int end = Buffered.IndexOf("\r\n"u8);
            if (end >= 0)
            {
                return end + 2;
            }

            if (Buffered.Length >= MaxHeadBytes || !Fill())
            {
                throw new IOException("The connection was closed inside a chunk header.");
            }
        }
    }

    public void Consume(int bytes)
    {
        _start += bytes;
        if (_start == _end)
        {
            _start = _end = 0;
        }
    }

    /// <summary>Receives once behind what is buffered.</summary>
    /// <returns>False when the peer has closed.</returns>
    public bool Fill()
    {
        if (_end == _buffer.Length)
        {
            if (_start == 0)
            {
                throw new IOException("The receive buffer is full.");
            }

            Buffered.CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        int received = _socket.Receive(_buffer.AsSpan(_end));
        _end += received;
        return received > 0;
    }

    /// <summary>Receives straight into <paramref name="destination"/>, taking buffered bytes first.</summary>
    /// <returns>Bytes read; 0 when the peer has closed.</returns>
    public int Read(Span<byte> destination)
    {
        if (_start == _end)
        {
            return _socket.Receive(destination);
        }

        int count = Math.Min(destination.Length, _end - _start);
        Buffered[..count].CopyTo(destination);
        Consume(count);
        return count;
    }

    public void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    /// <summary>Wakes the owning thread out of any blocking call; from any thread.</summary>
    public void Abort()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer or the owner was faster: nothing is left to wake.
            return;
        }
    }

    /// <summary>Closes so that the peer gets a reset instead of an end of stream.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        Dispose();
    }

    public void Dispose()
    {
        _socket.Dispose();
        byte[] buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
