namespace MLPlatform.Fuse.Kernel;

/// <summary>From our values to the kernel's structs.</summary>
internal static class Abi
{
    // st_blocks counts units of 512 bytes whatever the block size.
    private const int StatBlockBytes = 512;

    // What st_blksize suggests to tools as their buffer: one full READ without readahead is 1 MiB, cp(1) and cat(1) cap at 128 KiB.
    private const int PreferredIoBytes = 128 * 1024;

    public static void Fill(ref EntryOut entry, in FuseAttributes attributes, TimeSpan validity)
    {
        entry.NodeId = attributes.Inode;
        Split(validity, out entry.EntryValid, out entry.EntryValidNanoseconds);
        entry.AttrValid = entry.EntryValid;
        entry.AttrValidNanoseconds = entry.EntryValidNanoseconds;
        Fill(ref entry.Attr, attributes);
    }

    public static void Fill(ref Attr attr, in FuseAttributes attributes)
    {
        attr.Inode = attributes.Inode;
        attr.Size = (ulong)attributes.Size;
        attr.Blocks = (ulong)((attributes.Size + StatBlockBytes - 1) / StatBlockBytes);
        long seconds = Math.DivRem(attributes.MtimeNanoseconds, 1_000_000_000L, out long nanoseconds);
        if (nanoseconds < 0)
        {
            seconds--;
            nanoseconds += 1_000_000_000L;
        }

        attr.Atime = attr.Mtime = attr.Ctime = seconds;
        attr.AtimeNanoseconds = attr.MtimeNanoseconds = attr.CtimeNanoseconds = (uint)nanoseconds;
        attr.Mode = (uint)attributes.Kind | attributes.Permissions;
        attr.LinkCount = attributes.LinkCount;
        attr.Uid = attributes.Uid;
        attr.Gid = attributes.Gid;
        attr.BlockSize = PreferredIoBytes;
    }

    public static void Split(TimeSpan validity, out ulong seconds, out uint nanoseconds)
    {
        seconds = (ulong)(validity.Ticks / TimeSpan.TicksPerSecond);
        nanoseconds = (uint)(validity.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
    }
}
