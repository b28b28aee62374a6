using MLPlatform.UnderStore;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>Collects a read in an array.</summary>
internal sealed class CollectingSink(long bytes) : IReadSink
{
    public byte[] Data { get; } = new byte[bytes];

    public long Received { get; private set; }

    public int MaxBuffer { get; init; } = int.MaxValue;

    /// <summary>Called after every advance, on the store's thread.</summary>
    public Action? OnAdvance { get; init; }

    public Memory<byte> NextBuffer => Data.AsMemory((int)Received, (int)Math.Min(MaxBuffer, Data.Length - Received));

    public void Advance(int count)
    {
        Xunit.Assert.InRange(count, 1, Data.Length - Received);
        Received += count;
        OnAdvance?.Invoke();
    }
}
