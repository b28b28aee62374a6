using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Fuse.Interop;

namespace MLPlatform.Fuse;

/// <summary>Makes and ends mounts: by mount(2) where we may, else by the set-uid helper fusermount3.</summary>
public static unsafe class FuseMount
{
    private const string Device = "/dev/fuse";
    private const string Helper = "fusermount3";

    /// <summary>Mounts; the kernel waits for a <see cref="FuseSession"/> on the descriptor from then on. Nobody may touch the directory before one runs.</summary>
    /// <exception cref="CacheException">One sentence with the remedy.</exception>
    public static SafeFileHandle Mount(FuseMountOptions options)
    {
        int fd = Libc.open(Device, Libc.O_RDWR | Libc.O_CLOEXEC);
        if (fd < 0 && Libc.LastErrno is Errno.ENOENT or Errno.ENODEV)
        {
            throw new CacheException(CacheError.Unsupported, $"{Device} is missing: load the fuse kernel module (modprobe fuse), or give the container the device.");
        }

        if (Libc.geteuid() != 0)
        {
            if (fd >= 0)
            {
                Libc.close(fd);
            }

            return MountByHelper(options);
        }

        if (fd < 0)
        {
            throw new CacheException(CacheError.AccessDenied, $"Cannot open {Device}: {Libc.Describe(Libc.LastErrno)}; the container needs the device and permission for it.");
        }

        SafeFileHandle device = new(fd, ownsHandle: true);
        ulong flags = Libc.MS_NOSUID | Libc.MS_NODEV | Libc.MS_NOATIME | (options.ReadOnly ? Libc.MS_RDONLY : 0) | (options.NoExec ? Libc.MS_NOEXEC : 0);
        string data = string.Create(CultureInfo.InvariantCulture, $"fd={fd},rootmode=40000,user_id={Libc.geteuid()},group_id={Libc.getegid()},max_read=1048576{Common(options)}");
        if (Libc.mount(options.Source, options.Directory, "fuse." + options.Subtype, flags, data) < 0)
        {
            Errno errno = Libc.LastErrno;
            device.Dispose();

            // Root without CAP_SYS_ADMIN, as in most containers: the helper may still be allowed to.
            if (errno == Errno.EPERM && FindHelper() is not null)
            {
                return MountByHelper(options);
            }

            throw new CacheException(
                errno == Errno.EPERM ? CacheError.AccessDenied : CacheError.Configuration,
                errno == Errno.EPERM
                    ? $"Not permitted to mount on {options.Directory}: run as root, give the container CAP_SYS_ADMIN, or install fuse3 for {Helper}."
                    : $"Cannot mount on {options.Directory}: {Libc.Describe(errno)}.");
        }

        return device;
    }

    /// <summary>Ends a mount.</summary>
    /// <param name="lazy">Take it out of the tree now, end it when the last user leaves.</param>
    /// <returns>EBUSY while somebody uses it; EINVAL when it is no mount point.</returns>
    public static Errno Unmount(string directory, bool lazy)
    {
        if (Libc.umount2(directory, Libc.UMOUNT_NOFOLLOW | (lazy ? Libc.MNT_DETACH : 0)) == 0)
        {
            return Errno.None;
        }

        Errno errno = Libc.LastErrno;
        if (errno != Errno.EPERM || FindHelper() is not { } helper)
        {
            return errno;
        }

        string[] arguments = lazy ? ["-u", "-z", "-q", "--", directory] : ["-u", "-q", "--", directory];
        using Process process = Start(helper, arguments, null);
        if (!process.WaitForExit(TimeSpan.FromSeconds(20)))
        {
            process.Kill();
            return Errno.EBUSY;
        }

        if (process.ExitCode == 0)
        {
            return Errno.None;
        }

        return MountTable.Read().Any(m => m.Directory == directory) ? Errno.EBUSY : Errno.EINVAL;
    }

    /// <summary>Sets the kernel's readahead of a mounted directory. Needs root; does nothing without.</summary>
    public static void SetReadahead(string directory, int bytes)
    {
        MountEntry? entry = MountTable.Read().LastOrDefault(m => m.Directory == directory);
        if (entry is null)
        {
            return;
        }

        try
        {
            File.WriteAllText($"/sys/class/bdi/{entry.DeviceNumber}/read_ahead_kb", (bytes / 1024).ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Rootless, or a read-only /sys in a container: the kernel's default of 128 KiB stays, and our own readahead works behind it.
        }
    }

    private static string Common(FuseMountOptions options) =>
        (options.AllowOther ? ",allow_other" : "") + (options.DefaultPermissions ? ",default_permissions" : "");

    private static string? FindHelper() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':').Append("/usr/bin").Append("/bin")
            .Where(directory => directory.Length > 0)
            .Select(directory => Path.Combine(directory, Helper))
            .FirstOrDefault(File.Exists);

    /// <summary>fusermount3 opens the device, mounts, and sends the descriptor over the socket it finds in _FUSE_COMMFD.</summary>
    private static SafeFileHandle MountByHelper(FuseMountOptions options)
    {
        string helper = FindHelper()
            ?? throw new CacheException(CacheError.AccessDenied, $"Not permitted to mount on {options.Directory}: only root may, and {Helper} is not installed (apt-get install fuse3).");
        int* sockets = stackalloc int[2];
        if (Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM, 0, sockets) < 0)
        {
            throw new CacheException(CacheError.Unsupported, $"Cannot make a socket pair: {Libc.Describe(Libc.LastErrno)}.");
        }

        // Ours must not stay open in the helper, or its end would not show as the end of the stream.
        Libc.fcntl(sockets[0], Libc.F_SETFD, Libc.FD_CLOEXEC);
        try
        {
            string source = options.Source.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
            string list = $"{(options.ReadOnly ? "ro" : "rw")},nosuid,nodev,noatime{(options.NoExec ? ",noexec" : "")},fsname={source},subtype={options.Subtype},max_read=1048576{Common(options)}";
            using Process process = Start(helper, ["-o", list, "--", options.Directory], sockets[1].ToString(CultureInfo.InvariantCulture));
            Libc.close(sockets[1]);
            sockets[1] = -1;
            SafeFileHandle? device = ReceiveDescriptor(sockets[0], options.Timeout);
            if (!process.WaitForExit(options.Timeout))
            {
                process.Kill();
            }

            if (device is null)
            {
                string said = process.StandardError.ReadToEnd().Trim().ReplaceLineEndings(" ");
                throw new CacheException(CacheError.AccessDenied, $"Cannot mount on {options.Directory}: {(said.Length > 0 ? said : $"{Helper} failed with exit code {process.ExitCode}")}.{Remedy(said)}");
            }

            return device;
        }
        finally
        {
            Libc.close(sockets[0]);
            if (sockets[1] >= 0)
            {
                Libc.close(sockets[1]);
            }
        }
    }

    private static string Remedy(string said) => said switch
    {
        _ when said.Contains("user_allow_other", StringComparison.Ordinal) => " Leave out --allow-other, or have user_allow_other set in /etc/fuse.conf.",
        _ when said.Contains("Permission denied", StringComparison.Ordinal) && said.Contains(Device, StringComparison.Ordinal) => $" Have {Device} made readable and writable for this user.",
        _ when said.Contains("not permitted", StringComparison.Ordinal) => $" {Helper} must be set-uid root, and the container must allow mounts.",
        _ => "",
    };

    private static Process Start(string helper, string[] arguments, string? socket)
    {
        ProcessStartInfo info = new(helper, arguments) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardInput = true };
        if (socket is not null)
        {
            info.Environment["_FUSE_COMMFD"] = socket;
        }

        try
        {
            return Process.Start(info) ?? throw new CacheException(CacheError.Unsupported, $"Cannot start {helper}.");
        }
        catch (Win32Exception e)
        {
            throw new CacheException(CacheError.AccessDenied, $"Cannot start {helper}: {e.Message}.", e);
        }
    }

    private static SafeFileHandle? ReceiveDescriptor(int socket, TimeSpan timeout)
    {
        Libc.PollFd poll = new() { Fd = socket, Events = Libc.POLLIN };
        if (Libc.poll(&poll, 1, (int)timeout.TotalMilliseconds) <= 0)
        {
            return null;
        }

        // struct cmsghdr { size_t len; int level; int type; } and one int behind it, padded to eight.
        const int HeaderBytes = 16;
        byte* control = stackalloc byte[HeaderBytes + 8];
        byte data;
        NativeSegment segment = new((nint)(&data), 1);
        Libc.MessageHeader message = new() { Segments = &segment, SegmentCount = 1, Control = control, ControlLength = HeaderBytes + 8 };
        nint received = Libc.recvmsg(socket, &message, 0);
        if (received <= 0 || message.ControlLength < HeaderBytes + sizeof(int))
        {
            return null;
        }

        int fd = *(int*)(control + HeaderBytes);
        Libc.fcntl(fd, Libc.F_SETFD, Libc.FD_CLOEXEC);
        return new SafeFileHandle(fd, ownsHandle: true);
    }
}
