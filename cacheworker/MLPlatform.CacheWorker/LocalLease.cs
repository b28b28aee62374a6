using MLPlatform.Client;
using MLPlatform.Core;

namespace MLPlatform.CacheWorker;

/// <summary>Bytes of a local copy in a block of their own.</summary>
internal sealed class LocalLease(BlockLease? block, NativeSegment segment) : ReadLease
{
    private readonly NativeSegment _segment = segment;

    public override ReadOnlySpan<NativeSegment> Segments => _segment.Length == 0 ? [] : new ReadOnlySpan<NativeSegment>(in _segment);

    public override int Length => (int)_segment.Length;

    public override void Dispose() => block?.Dispose();
}
