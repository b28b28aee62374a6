namespace MLPlatform.Tiers.Index;

[Flags]
internal enum RecordFlags : uint
{
    None = 0,

    /// <summary>Never evicted to make room.</summary>
    Pinned = 1,
}
