namespace MLPlatform.Tiers.Segments;

/// <summary>Why a store let a record go without being asked to.</summary>
internal enum RecordDropReason
{
    /// <summary>Its header or a checksum was wrong.</summary>
    Corrupt,

    /// <summary>The same key was appended again. The location may be of another device, whose store must hear of it (<see cref="SegmentStore.NoteReplaced"/>).</summary>
    Replaced,
}
