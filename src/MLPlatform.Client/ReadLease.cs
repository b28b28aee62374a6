using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>The bytes of one read, in order, in memory that stays put until the lease is disposed (once).</summary>
public abstract class ReadLease : IDisposable
{
    /// <summary>Empty at or behind the end of the file.</summary>
    public abstract ReadOnlySpan<NativeSegment> Segments { get; }

    /// <summary>Bytes in all segments: what was asked for, cut at the file's end.</summary>
    public abstract int Length { get; }

    public abstract void Dispose();
}
