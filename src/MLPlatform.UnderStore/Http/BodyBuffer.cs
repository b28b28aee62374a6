using System.Buffers;

namespace MLPlatform.UnderStore.Http;

/// <summary>A whole answer in a rented array, for listings and errors. Its owner disposes it.</summary>
internal sealed class BodyBuffer : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(16 << 10);

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    /// <summary>Never empty.</summary>
    public Memory<byte> Free
    {
        get
        {
            Reserve(1);
            return _buffer.AsMemory(Length);
        }
    }

    public void Clear() => Length = 0;

    public void Advance(int count) => Length += count;

    public void Reserve(int count)
    {
        if (_buffer.Length - Length >= count)
        {
            return;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, Length + count));
        Written.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        Length = 0;
    }
}
