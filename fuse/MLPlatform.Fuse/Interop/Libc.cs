using System.Runtime.InteropServices;
using MLPlatform.Core;
using MLPlatform.Fuse.Kernel;

namespace MLPlatform.Fuse.Interop;

/// <summary>The system calls this library makes. All return −1 and set errno on failure.</summary>
internal static unsafe partial class Libc
{
    public const int O_RDWR = 2;
    public const int O_CLOEXEC = 0x80000;
    public const ulong MS_RDONLY = 1;
    public const ulong MS_NOSUID = 2;
    public const ulong MS_NODEV = 4;
    public const ulong MS_NOEXEC = 8;
    public const ulong MS_NOATIME = 1024;
    public const int MNT_DETACH = 2;
    public const int UMOUNT_NOFOLLOW = 8;
    public const int AF_UNIX = 1;
    public const int SOCK_STREAM = 1;
    public const short POLLIN = 1;
    public const int F_SETFD = 2;
    public const int FD_CLOEXEC = 1;

    // _IOR(229, 0, uint32_t), _IOW(229, 1, struct fuse_backing_map), _IOW(229, 2, uint32_t).
    public const nuint FUSE_DEV_IOC_CLONE = 0x8004e500;
    public const nuint FUSE_DEV_IOC_BACKING_OPEN = 0x4010e501;
    public const nuint FUSE_DEV_IOC_BACKING_CLOSE = 0x4004e502;

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint writev(int fd, NativeSegment* segments, int count);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true, EntryPoint = "ioctl")]
    public static partial int ioctl_uint(int fd, nuint request, uint* argument);

    [LibraryImport("libc", SetLastError = true, EntryPoint = "ioctl")]
    public static partial int ioctl_backing(int fd, nuint request, BackingMap* argument);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int mount(string source, string target, string type, ulong flags, string data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int umount2(string target, int flags);

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc")]
    public static partial uint getegid();

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollFd* fds, ulong count, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socketpair(int domain, int type, int protocol, int* fds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int fd, int command, int argument);

    public static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>The kernel's words for an error number.</summary>
    public static string Describe(Errno errno) => Marshal.GetPInvokeErrorMessage((int)errno);

    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    /// <summary><c>struct msghdr</c> on 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public NativeSegment* Segments;
        public nuint SegmentCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
