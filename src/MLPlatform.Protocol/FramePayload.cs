using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>What goes out in a frame: fields first, then bytes from native memory.</summary>
/// <param name="Fields">Stays the caller's, unchanged until the call it was given to has ended.</param>
/// <param name="Bulk">As <paramref name="Fields"/>.</param>
public readonly record struct FramePayload(ReadOnlyMemory<byte> Fields, ReadOnlyMemory<NativeSegment> Bulk = default)
{
    public int Length
    {
        get
        {
            long length = Fields.Length;
            foreach (NativeSegment segment in Bulk.Span)
            {
                length += segment.Length;
            }

            return checked((int)length);
        }
    }
}
