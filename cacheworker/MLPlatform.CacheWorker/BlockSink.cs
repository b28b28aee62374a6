using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.CacheWorker;

/// <summary>Takes bytes into one block that nobody else reads. For one fetch.</summary>
internal sealed class BlockSink(BlockLease block) : IReadSink
{
    private int _filled;

    public Memory<byte> NextBuffer => block.Memory[_filled..];

    public void Advance(int count) => _filled += count;
}
