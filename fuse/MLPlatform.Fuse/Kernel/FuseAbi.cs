using System.Runtime.InteropServices;

namespace MLPlatform.Fuse.Kernel;

// The structs of include/uapi/linux/fuse.h (protocol 7.45), byte for byte; sizes are checked by AbiTests.
#pragma warning disable CA1823, IDE0051, IDE0044, CS0169, CS0649 // Padding and fields that only the kernel reads.

[StructLayout(LayoutKind.Sequential)]
internal struct InHeader
{
    public uint Length;
    public FuseOpcode Opcode;
    public ulong Unique;
    public ulong NodeId;
    public uint Uid;
    public uint Gid;
    public uint Pid;
    public ushort TotalExtLength;
    public ushort Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OutHeader
{
    public uint Length;
    public int Error;
    public ulong Unique;
}

[StructLayout(LayoutKind.Sequential)]
internal struct Attr
{
    public ulong Inode;
    public ulong Size;
    public ulong Blocks;
    public long Atime;
    public long Mtime;
    public long Ctime;
    public uint AtimeNanoseconds;
    public uint MtimeNanoseconds;
    public uint CtimeNanoseconds;
    public uint Mode;
    public uint LinkCount;
    public uint Uid;
    public uint Gid;
    public uint Rdev;
    public uint BlockSize;
    public uint Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EntryOut
{
    public ulong NodeId;
    public ulong Generation;
    public ulong EntryValid;
    public ulong AttrValid;
    public uint EntryValidNanoseconds;
    public uint AttrValidNanoseconds;
    public Attr Attr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AttrOut
{
    public ulong AttrValid;
    public uint AttrValidNanoseconds;
    private uint _dummy;
    public Attr Attr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct InitIn
{
    public uint Major;
    public uint Minor;
    public uint MaxReadahead;
    public uint Flags;
    public uint Flags2; // Absent before protocol 7.36.
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct InitOut
{
    public uint Major;
    public uint Minor;
    public uint MaxReadahead;
    public uint Flags;
    public ushort MaxBackground;
    public ushort CongestionThreshold;
    public uint MaxWrite;
    public uint TimeGranularity;
    public ushort MaxPages;
    public ushort MapAlignment;
    public uint Flags2;
    public uint MaxStackDepth;
    public ushort RequestTimeout;
    private fixed ushort _unused[11];
}

[StructLayout(LayoutKind.Sequential)]
internal struct OpenIn
{
    public uint Flags;
    public uint OpenFlags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OpenOut
{
    public ulong Handle;
    public uint OpenFlags;
    public int BackingId;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ReleaseIn
{
    public ulong Handle;
    public uint Flags;
    public uint ReleaseFlags;
    public ulong LockOwner;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ReadIn
{
    public ulong Handle;
    public ulong Offset;
    public uint Size;
    public uint ReadFlags;
    public ulong LockOwner;
    public uint Flags;
    private uint _padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct WriteIn
{
    public ulong Handle;
    public ulong Offset;
    public uint Size;
    public uint WriteFlags;
    public ulong LockOwner;
    public uint Flags;
    private uint _padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct WriteOut
{
    public uint Size;
    private uint _padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ForgetOne
{
    public ulong NodeId;
    public ulong Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BatchForgetIn
{
    public uint Count;
    private uint _dummy;
}

[StructLayout(LayoutKind.Sequential)]
internal struct GetXAttrIn
{
    public uint Size;
    private uint _padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct GetXAttrOut
{
    public uint Size;
    private uint _padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AccessIn
{
    public uint Mask;
    private uint _padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LSeekIn
{
    public ulong Handle;
    public ulong Offset;
    public uint Whence;
    private uint _padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LSeekOut
{
    public ulong Offset;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct StatFsOut
{
    public ulong Blocks;
    public ulong BlocksFree;
    public ulong BlocksAvailable;
    public ulong Files;
    public ulong FilesFree;
    public uint BlockSize;
    public uint NameLength;
    public uint FragmentSize;
    private uint _padding;
    private fixed uint _spare[6];
}

/// <summary>Followed by the name, padded with zeros to a multiple of eight.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Dirent
{
    public ulong Inode;
    public ulong Offset;
    public uint NameLength;
    public uint Type;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NotifyInvalInodeOut
{
    public ulong Inode;
    public long Offset;
    public long Length;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NotifyInvalEntryOut
{
    public ulong Parent;
    public uint NameLength;
    public uint Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BackingMap
{
    public int Fd;
    public uint Flags;
    public ulong Padding;
}
