using MLPlatform.Core;

namespace MLPlatform.Tiers.Index;

/// <summary>
/// Device, segment and offset in 64 bits, so that they can be read and replaced at once. Segment numbers are never used twice in a cache's life,
/// hence a place that is still known to somebody either means the same record or nothing any more.
/// </summary>
/// <remarks>Bits: 4 device, 36 segment, 20 offset in units of 64 bytes; the highest four are zero. Zero as a whole is no place: segments count from 1.</remarks>
internal readonly record struct RecordPlace(int Device, long Segment, int Offset)
{
    public const int OffsetUnit = 64;
    public const int MaxDevices = 16;

    /// <summary>Highest number of a segment.</summary>
    public const long MaxSegment = (1L << SegmentBits) - 1;

    private const int OffsetBits = 20;
    private const int SegmentBits = 36;

    public ulong Pack()
    {
        Invariant.That(Device is >= 0 and < MaxDevices && Segment is > 0 and < 1L << SegmentBits && Offset % OffsetUnit == 0 && Offset >> 6 < 1 << OffsetBits);
        return ((ulong)Device << (OffsetBits + SegmentBits)) | ((ulong)Segment << OffsetBits) | ((uint)Offset / OffsetUnit);
    }

    public static RecordPlace Unpack(ulong packed) => new(
        (int)(packed >> (OffsetBits + SegmentBits)),
        (long)(packed >> OffsetBits) & ((1L << SegmentBits) - 1),
        (int)(packed & ((1 << OffsetBits) - 1)) * OffsetUnit);
}
