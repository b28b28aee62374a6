using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

/// <summary>Collects a read in an array, handing out buffers of at most <see cref="MaxBuffer"/> bytes.</summary>
internal sealed class ArraySink(int bytes) : IReadSink
{
    public byte[] Data { get; } = new byte[bytes];

    public int Received { get; private set; }

    public int MaxBuffer { get; init; } = int.MaxValue;

    /// <summary>Called after every advance, on the store's thread.</summary>
    public Action? OnAdvance { get; set; }

    public Memory<byte> NextBuffer => Data.AsMemory(Received, Math.Min(MaxBuffer, Data.Length - Received));

    public void Advance(int count)
    {
        Assert.InRange(count, 1, Data.Length - Received);
        Received += count;
        OnAdvance?.Invoke();
    }
}
