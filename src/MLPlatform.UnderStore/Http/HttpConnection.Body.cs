using System.Buffers;
using System.Buffers.Text;
using System.Net.Sockets;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.Http;

/// <summary>Bodies: of known length, chunked, or up to the end of the connection.</summary>
internal sealed partial class HttpConnection
{
    // A chunk's head is a number of up to 16 digits and perhaps an extension.
    private const int MaxChunkHeadBytes = 1024;

    private BodyKind _body;
    private long _bodyLeft;

    private enum BodyKind
    {
        None,
        Length,
        Chunked,
        UntilClose,
    }

    /// <summary>Receives the next <paramref name="count"/> bytes of the body straight into <paramref name="sink"/>.</summary>
    /// <param name="received">Told of every piece after the sink got it, on whatever thread it came.</param>
    /// <exception cref="HttpFault">Fewer came.</exception>
    public async ValueTask ReceiveAsync<TState>(IReadSink sink, long count, TState state, Action<TState, int> received)
    {
        try
        {
            while (count > 0)
            {
                Memory<byte> buffer = sink.NextBuffer;
                Invariant.That(!buffer.IsEmpty, "a sink has room until the whole range arrived");
                if (buffer.Length > count)
                {
                    buffer = buffer[..(int)count];
                }

                int got = _body == BodyKind.Length && _start == _end && _bodyLeft > 0
                    ? Took(await ReceiveRawAsync(buffer.Length > _bodyLeft ? buffer[..(int)_bodyLeft] : buffer, _stallTicks))
                    : await ReadBodyAsync(buffer);
                if (got == 0)
                {
                    throw new HttpFault(HttpFaultKind.Broken, "ended an answer before its last byte");
                }

                count -= got;
                sink.Advance(got);
                received(state, got);
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            throw Translate(e);
        }
    }

    /// <summary>Reads what marks the end of a body whose bytes have all been taken, so that the connection can be used again.</summary>
    /// <returns>False when there is more body.</returns>
    public async ValueTask<bool> ReadEndAsync()
    {
        if (_body == BodyKind.None)
        {
            return true;
        }

        if (_body != BodyKind.Chunked)
        {
            return false;
        }

        try
        {
            return await ReadBodyAsync(new byte[1]) == 0;
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            throw Translate(e);
        }
    }

    /// <summary>Reads and drops the next <paramref name="count"/> bytes of the body.</summary>
    public async ValueTask SkipAsync(long count)
    {
        byte[] scratch = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            while (count > 0)
            {
                int got = await ReadBodyAsync(scratch.AsMemory(0, (int)Math.Min(scratch.Length, count)));
                if (got == 0)
                {
                    throw new HttpFault(HttpFaultKind.Broken, "ended an answer before its last byte");
                }

                count -= got;
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            throw Translate(e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <summary>The whole body, into <paramref name="destination"/>.</summary>
    /// <exception cref="HttpFault">It was cut, or exceeds <paramref name="maxBytes"/>.</exception>
    public async ValueTask ReadAllAsync(BodyBuffer destination, int maxBytes)
    {
        destination.Clear();
        try
        {
            while (true)
            {
                if (destination.Length >= maxBytes && _body != BodyKind.None)
                {
                    throw new HttpFault(HttpFaultKind.Malformed, $"sent an answer longer than {ByteSize.Format(maxBytes)}");
                }

                if (_body == BodyKind.Length)
                {
                    destination.Reserve((int)Math.Min(_bodyLeft, maxBytes - destination.Length));
                }

                int got = await ReadBodyAsync(destination.Free);
                if (got == 0)
                {
                    return;
                }

                destination.Advance(got);
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            throw Translate(e);
        }
    }

    private void BeginBody(bool isHead)
    {
        HttpResponseHead head = Head;
        if (isHead || head.Status is 204 or 304)
        {
            _body = BodyKind.None;
        }
        else if (head.Chunked)
        {
            _body = BodyKind.Chunked;
            _bodyLeft = -1;
        }
        else if (head.ContentLength >= 0)
        {
            _bodyLeft = head.ContentLength;
            _body = _bodyLeft == 0 ? BodyKind.None : BodyKind.Length;
        }
        else
        {
            _body = BodyKind.UntilClose;
        }
    }

    /// <returns>0 at the body's end.</returns>
    private async ValueTask<int> ReadBodyAsync(Memory<byte> destination)
    {
        switch (_body)
        {
            case BodyKind.None:
                return 0;
            case BodyKind.UntilClose:
                int any = await ReadPlainAsync(destination);
                if (any == 0)
                {
                    _body = BodyKind.None;
                    Abort();
                }

                return any;
            case BodyKind.Length:
                return Took(await ReadPlainAsync(destination.Length > _bodyLeft ? destination[..(int)_bodyLeft] : destination));
            default:
                if (_bodyLeft <= 0 && !await NextChunkAsync())
                {
                    return 0;
                }

                int got = await ReadPlainAsync(destination.Length > _bodyLeft ? destination[..(int)_bodyLeft] : destination);
                if (got == 0)
                {
                    throw new HttpFault(HttpFaultKind.Broken, "ended an answer before its last byte");
                }

                _bodyLeft -= got;
                return got;
        }
    }

    /// <summary>Counts bytes of a body of known length.</summary>
    private int Took(int got)
    {
        if (got == 0)
        {
            throw new HttpFault(HttpFaultKind.Broken, "ended an answer before its last byte");
        }

        _bodyLeft -= got;
        if (_bodyLeft == 0)
        {
            _body = BodyKind.None;
        }

        return got;
    }

    private ValueTask<int> ReadPlainAsync(Memory<byte> destination)
    {
        if (_start == _end)
        {
            return ReceiveRawAsync(destination, _stallTicks);
        }

        int count = Math.Min(destination.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(destination.Span);
        _start += count;
        return ValueTask.FromResult(count);
    }

    /// <summary>Reads up to the next chunk's first byte.</summary>
    /// <returns>False after the last chunk and its trailers.</returns>
    private async ValueTask<bool> NextChunkAsync()
    {
        if (_bodyLeft == 0)
        {
            if ((await ReadLineAsync()).Length != 0)
            {
                throw Malformed();
            }
        }

        (int start, int length) = await ReadLineAsync();
        if (!TryParseHex(_buffer.AsSpan(start, length), out _bodyLeft))
        {
            throw Malformed();
        }

        if (_bodyLeft > 0)
        {
            return true;
        }

        int trailers = 0;
        while ((await ReadLineAsync()).Length != 0)
        {
            if (++trailers > 100)
            {
                throw new HttpFault(HttpFaultKind.Malformed, "sent trailers without end");
            }
        }

        _body = BodyKind.None;
        return false;

        static HttpFault Malformed() => new(HttpFaultKind.Malformed, "sent a malformed chunked answer");
    }

    /// <returns>Where in the buffer the line stands, without its line end.</returns>
    private async ValueTask<(int Start, int Length)> ReadLineAsync()
    {
        while (true)
        {
            int newline = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                int start = _start;
                _start += newline + 1;
                int length = newline > 0 && _buffer[start + newline - 1] == '\r' ? newline - 1 : newline;
                return (start, length);
            }

            if (_end - _start > MaxChunkHeadBytes)
            {
                throw new HttpFault(HttpFaultKind.Malformed, "sent a malformed chunked answer");
            }

            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
            int got = await ReceiveRawAsync(_buffer.AsMemory(_end), _stallTicks);
            if (got == 0)
            {
                throw new HttpFault(HttpFaultKind.Broken, "ended an answer before its last byte");
            }

            _end += got;
        }
    }

    private static bool TryParseHex(ReadOnlySpan<byte> line, out long value)
    {
        int semicolon = line.IndexOf((byte)';');
        if (semicolon >= 0)
        {
            line = line[..semicolon];
        }

        line = line.Trim((byte)' ');
        return Utf8Parser.TryParse(line, out value, out int used, 'x') && used == line.Length && value >= 0;
    }
}
