using System.Runtime.InteropServices;

namespace MLPlatform.Tiers.Index;

/// <summary>One entry as a checkpoint holds it: 40 bytes, little-endian (docs/FORMAT.md).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
internal struct IndexEntry
{
    public FileKey Key;
    public RecordLocation Location;
}
