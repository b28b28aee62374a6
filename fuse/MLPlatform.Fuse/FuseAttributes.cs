namespace MLPlatform.Fuse;

/// <summary>What stat(2) shows of one inode.</summary>
public struct FuseAttributes
{
    /// <summary>Inode number; the kernel's node id as well. 1 is the root; never 0.</summary>
    public ulong Inode;

    /// <summary>Bytes.</summary>
    public long Size;

    /// <summary>Nanoseconds since 1970; stands for atime, mtime and ctime.</summary>
    public long MtimeNanoseconds;

    public uint Uid;
    public uint Gid;
    public uint LinkCount;
    public FuseFileKind Kind;

    /// <summary>The lower twelve bits of <c>st_mode</c>.</summary>
    public ushort Permissions;
}
