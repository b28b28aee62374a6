using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>Attributes of one name in a dataset's tree.</summary>
public struct TreeEntry
{
    /// <summary>Inode number; 1 is the root.</summary>
    public ulong Inode;

    /// <summary>Bytes; for a directory the bytes of all files below it where known.</summary>
    public long Size;

    /// <summary>Nanoseconds since 1970.</summary>
    public long MtimeNanoseconds;

    /// <summary>Owner, or null where the store has none: then the mount's own.</summary>
    public uint? Uid;

    public uint? Gid;

    /// <summary>Permission bits, or null where the store has none: then the mount's own.</summary>
    public ushort? Mode;

    public StoreEntryKind Kind;

    /// <summary>For directories, the number of subdirectories plus two where known, else 1.</summary>
    public uint LinkCount;
}
