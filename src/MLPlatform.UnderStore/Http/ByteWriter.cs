using System.Buffers.Text;

namespace MLPlatform.UnderStore.Http;

/// <summary>A growing buffer that requests are written into; it stays with its connection, so a request allocates nothing.</summary>
internal sealed class ByteWriter(int capacity)
{
    private byte[] _buffer = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Room for <paramref name="bytes"/> more, to be followed by <see cref="Advance"/>.</summary>
    public Span<byte> Reserve(int bytes)
    {
        if (_buffer.Length - Length < bytes)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Length + bytes));
        }

        return _buffer.AsSpan(Length);
    }

    public void Advance(int bytes) => Length += bytes;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        Length += bytes.Length;
    }

    public void Write(byte value)
    {
        Reserve(1)[0] = value;
        Length++;
    }

    /// <summary>ASCII only.</summary>
    public void Write(string text)
    {
        System.Text.Ascii.FromUtf16(text, Reserve(text.Length), out int written);
        Length += written;
    }

    public void Write(long number)
    {
        Utf8Formatter.TryFormat(number, Reserve(20), out int written);
        Length += written;
    }
}
