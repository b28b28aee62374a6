using MLPlatform.Core;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Segments;

/// <summary>A small file on its way into a segment. The memory stays the caller's and must not change until the append's task has ended.</summary>
internal readonly struct SegmentRecord
{
    public required FileKey Key { get; init; }

    /// <summary>Bytes of the file: 0 … <see cref="CacheUnits.SmallFileBytes"/>.</summary>
    public required int Length { get; init; }

    /// <summary>Runs that hold the file's bytes in order, <see cref="Length"/> together; at most <see cref="SegmentStore.MaxPayloadRuns"/>.</summary>
    public required ReadOnlyMemory<NativeSegment> Payload { get; init; }

    /// <summary>CRC-32C of each unit of <see cref="CacheUnits.UnitBytes"/>. They are believed: wrong ones make a record that no read accepts.</summary>
    public required ReadOnlyMemory<uint> UnitChecksums { get; init; }

    /// <summary>Tag of the dataset that brings it in.</summary>
    public uint Dataset { get; init; }

    public RecordFlags Flags { get; init; }
}
