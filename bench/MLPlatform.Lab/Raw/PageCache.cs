using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Lab;

/// <summary>Takes chosen files out of the kernel's page cache, and leaves everybody else's there.</summary>
public static partial class PageCache
{
    // POSIX_FADV_DONTNEED in include/uapi/linux/fadvise.h.
    private const int DontNeed = 4;

    // O_RDONLY | O_CLOEXEC.
    private const int ReadOnlyCloseOnExec = 0x80000;

    // SYS_cachestat is 451 on every architecture; Linux 6.5 and later.
    private const int CacheStat = 451;

    /// <summary>Writes back and drops every file below a directory. Pages that somebody has mapped stay.</summary>
    public static void Drop(string directory)
    {
        foreach (string path in Directory.EnumerateFiles(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
        {
            DropFile(path);
        }
    }

    public static void DropFile(string path)
    {
        using SafeFileHandle file = OpenFile(path);
        if (file.IsInvalid)
        {
            return; // Removed between the listing and the look.
        }

        // Dirty pages cannot be dropped. DONTNEED starts a write-back, but does not wait for it.
        if (Sync(file) != 0 || Advise(file, 0, 0, DontNeed) != 0)
        {
            throw new IOException($"The page cache of {path} cannot be dropped.");
        }
    }

    /// <summary>Drops an open file's clean pages; on a mount the next read is the server's again.</summary>
    public static void Forget(SafeFileHandle file) => _ = Advise(file, 0, 0, DontNeed);

    /// <summary>Bytes of the files below a directory that lie in the page cache; -1 where the kernel cannot tell.</summary>
    public static long ResidentBytes(string directory)
    {
        long pages = 0;
        foreach (string path in Directory.EnumerateFiles(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
        {
            using SafeFileHandle file = OpenFile(path);
            CacheRange whole = default;
            if (file.IsInvalid)
            {
                continue; // Removed between the listing and the look.
            }

            if (SystemCall(CacheStat, file, in whole, out CacheCounts counts, 0) != 0)
            {
                return -1;
            }

            pages += (long)counts.Cached;
        }

        return pages * Environment.SystemPageSize;
    }

    /// <summary>Bytes that the files below a directory take on disk, holes not counted.</summary>
    public static long AllocatedBytes(string directory)
    {
        long bytes = 0;
        Span<byte> text = stackalloc byte[4096];
        foreach (string path in Directory.EnumerateFiles(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
        {
            int length = Encoding.UTF8.GetBytes(path, text[..^1]);
            text[length] = 0;

            // STATX_BLOCKS in include/uapi/linux/stat.h; -100 is AT_FDCWD.
            if (StatX(-100, in text[0], 0, 0x400, out StatXBuffer stat) == 0)
            {
                bytes += (long)stat.Blocks * 512;
            }
        }

        return bytes;
    }

    /// <summary>Bare open(2): .NET's takes a lock of its own, which a file that is somebody's lock refuses.</summary>
    private static SafeFileHandle OpenFile(string path) => Open(path, ReadOnlyCloseOnExec);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int Sync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, SafeFileHandle file, in CacheRange range, out CacheCounts counts, uint flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int StatX(int directory, in byte path, int flags, uint mask, out StatXBuffer buffer);

    [StructLayout(LayoutKind.Sequential)]
    private struct CacheRange
    {
        public ulong Offset;

        // 0 means to the end.
        public ulong Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct CacheCounts
    {
        public ulong Cached;
        public ulong Dirty;
        public ulong Writeback;
        public ulong Evicted;
        public ulong RecentlyEvicted;
    }

    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatXBuffer
    {
        [FieldOffset(48)]
        public ulong Blocks;
    }
}
