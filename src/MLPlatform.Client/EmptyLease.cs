using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>The answer to a read of no bytes or behind the end of a file. Shared; disposing it does nothing.</summary>
internal sealed class EmptyLease : ReadLease
{
    public static readonly EmptyLease Instance = new();

    public override ReadOnlySpan<NativeSegment> Segments => [];

    public override int Length => 0;

    public override void Dispose()
    {
    }
}
