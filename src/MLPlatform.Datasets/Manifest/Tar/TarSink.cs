using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>Hands what a store sends to a <see cref="TarScanner"/> and keeps nothing. For one read at a time.</summary>
internal sealed class TarSink(TarScanner scanner) : IReadSink
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private long _offset;

    public Memory<byte> NextBuffer => _buffer;

    /// <summary>What comes next stands here in the tar.</summary>
    public void Begin(long offset) => _offset = offset;

    public void Advance(int count)
    {
        // What is wrong with a header is told after the read: it may only mean that the object was replaced.
        scanner.Feed(_offset, _buffer.AsSpan(0, count));
        _offset += count;
    }
}
