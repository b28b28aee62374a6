using System.Runtime.InteropServices;

namespace MLPlatform.Tiers.Index;

/// <summary>Where a small file lies and what a policy wants to know of it. 24 bytes without references, so that the index can keep it as it is.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
internal struct RecordLocation
{
    /// <summary>A packed <see cref="RecordPlace"/>: device, segment and offset. Never reused for another record, so equal places mean equal bytes.</summary>
    public ulong Place;

    /// <summary>Payload bytes.</summary>
    public uint Length;

    /// <summary>Tag of the dataset that brought it in.</summary>
    public uint Dataset;

    /// <summary>When it came in, in seconds since 1970.</summary>
    public uint Created;

    /// <summary>Of <see cref="RecordFlags"/>.</summary>
    public uint Flags;
}
