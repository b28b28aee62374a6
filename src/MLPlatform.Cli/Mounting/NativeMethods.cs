using System.Runtime.InteropServices;

namespace MLPlatform.Cli.Mounting;

/// <summary>System calls that the runtime does not offer. Nothing here knows what it is used for.</summary>
internal static unsafe partial class NativeMethods
{
    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int EPIPE = 32;
    public const int ENODATA = 61;
    public const int ENOTSUP = 95;
    public const int ENOTCONN = 107;
    public const int SIGKILL = 9;
    public const int SIGTERM = 15;
    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_CREAT = 0x40;
    public const int O_APPEND = 0x400;
    public const int O_CLOEXEC = 0x80000;
    public const int AT_FDCWD = -100;

    // Asks the server also where the kernel believes to know.
    public const int AT_STATX_FORCE_SYNC = 0x2000;
    public const uint STATX_BASIC_STATS = 0x7FF;

    public const int WNOHANG = 1;
    public const short POLLIN = 1;
    public const short POLLOUT = 4;
    public const int F_SETFD = 2;
    public const int FD_CLOEXEC = 1;
    public const int R_OK = 4;
    public const int W_OK = 2;
    public const short POSIX_SPAWN_SETSIGDEF = 0x04;
    public const short POSIX_SPAWN_SETSIGMASK = 0x08;

    // 0640: paths and object names are nobody else's business.
    public const uint LogFileMode = 0x1A0;

    // glibc 2.26, bits of <spawn.h>.
    public const short POSIX_SPAWN_SETSID = 0x80;

    // sizeof(posix_spawnattr_t) is 336 and sizeof(posix_spawn_file_actions_t) 80 in glibc on 64-bit machines; room to spare costs nothing.
    public const int SpawnStructBytes = 1024;

    private const string Libc = "libc";

    public static uint EffectiveUserId { get; } = geteuid();

    public static uint EffectiveGroupId { get; } = getegid();

    public static int LastErrno => Marshal.GetLastPInvokeError();

    public static string Describe(int errno) => Marshal.GetPInvokeErrorMessage(errno);

    /// <returns>Zero where the terminal does not tell.</returns>
    public static int TerminalColumns(int descriptor)
    {
        const int TIOCGWINSZ = 0x5413;
        ushort* size = stackalloc ushort[4]; // struct winsize: rows, columns, and two that nobody fills in.
        return ioctl(descriptor, TIOCGWINSZ, size) == 0 ? size[1] : 0;
    }

    [LibraryImport(Libc)]
    private static partial uint geteuid();

    [LibraryImport(Libc)]
    private static partial uint getegid();

    [LibraryImport(Libc, SetLastError = true)]
    public static partial int pipe2(int* descriptors, int flags);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial nint read(int descriptor, byte* buffer, nuint count);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial nint write(int descriptor, byte* buffer, nuint count);

    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags, uint mode);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial int close(int descriptor);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial int dup2(int from, int to);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial int fcntl(int descriptor, int command, int argument);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial int ioctl(int descriptor, nuint request, ushort* argument);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial int kill(int pid, int signal);

    [LibraryImport(Libc, SetLastError = true)]
    public static partial int waitpid(int pid, int* status, int options);

    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int access(string path, int mode);

    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(int directory, string path, int flags, uint mask, byte* result);

    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint listxattr(string path, byte* list, nuint size);

    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint getxattr(string path, string name, byte* value, nuint size);

    [LibraryImport(Libc)]
    public static partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport(Libc)]
    public static partial int posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn_file_actions_addopen(byte* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport(Libc)]
    public static partial int posix_spawn_file_actions_adddup2(byte* actions, int from, int to);

    [LibraryImport(Libc)]
    public static partial int posix_spawn_file_actions_addclosefrom_np(byte* actions, int first);

    [LibraryImport(Libc)]
    public static partial int posix_spawnattr_init(byte* attributes);

    [LibraryImport(Libc)]
    public static partial int posix_spawnattr_destroy(byte* attributes);

    [LibraryImport(Libc)]
    public static partial int posix_spawnattr_setflags(byte* attributes, short flags);

    [LibraryImport(Libc)]
    public static partial int posix_spawnattr_setsigdefault(byte* attributes, byte* set);

    [LibraryImport(Libc)]
    public static partial int posix_spawnattr_setsigmask(byte* attributes, byte* set);

    [LibraryImport(Libc)]
    public static partial int sigemptyset(byte* set);

    [LibraryImport(Libc)]
    public static partial int sigfillset(byte* set);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn(int* pid, string path, byte* actions, byte* attributes, byte** arguments, byte** environment);

    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Results;
    }
}
