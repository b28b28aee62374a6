using System.Buffers.Text;

namespace MLPlatform.Lab;

/// <summary>
/// Finds the end of one HTTP/1.1 body while somebody else moves its bytes. <see cref="Next"/> and
/// <see cref="HttpWire.Consume"/> alternate until <see cref="BodyPiece.IsEnd"/>.
/// </summary>
internal sealed class BodyReader
{
    private State _state;
    private long _remaining;

    private BodyReader(State state, long remaining)
    {
        _state = state;
        _remaining = remaining;
    }

    private enum State
    {
        Length,
        UntilClose,
        ChunkHeader,
        ChunkPayload,
        ChunkEnd,
        Trailers,
        End,
    }

    /// <summary>True when there is no body at all.</summary>
    public bool IsEmpty => _state == State.End;

    /// <summary>True when the body ends only with its connection.</summary>
    public bool EndsWithConnection => _state == State.UntilClose;

    /// <summary>Payload bytes known to follow without a break: all of them, or those of the current chunk.</summary>
    public long KnownRemaining => _remaining;

    public static BodyReader OfRequest(HttpHead head) => head.IsChunked ? Chunked() : OfLength(Math.Max(0, head.ContentLength));

    /// <param name="isHead">The request was a HEAD: its response has the fields of a body and no body.</param>
    public static BodyReader OfResponse(HttpHead head, bool isHead)
    {
        if (isHead || head.Status is 204 or 304 or (>= 100 and < 200))
        {
            return OfLength(0);
        }

        return head.IsChunked ? Chunked()
            : head.ContentLength is long length and >= 0 ? OfLength(length)
            : new BodyReader(State.UntilClose, long.MaxValue);
    }

    /// <summary>Takes payload that stands right behind a head still buffered, so that both can be sent at once.</summary>
    /// <param name="bufferedBytes">Bytes buffered behind the head.</param>
    /// <returns>Payload bytes among them; 0 where chunk framing comes first.</returns>
    public int FrontPayload(int bufferedBytes)
    {
        if (_state != State.Length)
        {
            return 0;
        }

        int bytes = (int)Math.Min(bufferedBytes, _remaining);
        _remaining -= bytes;
        _state = _remaining == 0 ? State.End : State.Length;
        return bytes;
    }

    /// <summary>Waits until at least one byte of the next piece is buffered.</summary>
    /// <exception cref="IOException">The peer closed inside the body, or its chunks are malformed.</exception>
    public BodyPiece Next(HttpWire wire)
    {
        switch (_state)
        {
            case State.End:
                return new BodyPiece(0, false, true);
            case State.Length or State.UntilClose or State.ChunkPayload:
                return NextPayload(wire);
            case State.ChunkEnd:
                return Framing(wire.ReadLine(), State.ChunkHeader);
            case State.Trailers:
                int trailer = wire.ReadLine();
                return Framing(trailer, trailer == 2 ? State.End : State.Trailers);
            default:
                int line = wire.ReadLine();
                if (!Utf8Parser.TryParse(wire.Buffered[..line], out long size, out int _, 'x') || size < 0)
                {
                    throw new IOException("A chunk header is malformed.");
                }

                _remaining = size;
                return Framing(line, size == 0 ? State.Trailers : State.ChunkPayload);
        }
    }

    private static BodyReader OfLength(long length) => new(length == 0 ? State.End : State.Length, length);

    private static BodyReader Chunked() => new(State.ChunkHeader, 0);

    private BodyPiece Framing(int bytes, State next)
    {
        _state = next;
        return new BodyPiece(bytes, false, false);
    }

    private BodyPiece NextPayload(HttpWire wire)
    {
        if (wire.Buffered.IsEmpty && !wire.Fill())
        {
            if (_state == State.UntilClose)
            {
                _state = State.End;
                return new BodyPiece(0, false, true);
            }

            throw new IOException($"The connection was closed with {_remaining} bytes of the body missing.");
        }

        int bytes = (int)Math.Min(wire.Buffered.Length, _remaining);
        if (_state != State.UntilClose)
        {
            _remaining -= bytes;
            if (_remaining == 0)
            {
                _state = _state == State.Length ? State.End : State.ChunkEnd;
            }
        }

        return new BodyPiece(bytes, true, false);
    }
}
