using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Tiers.Devices;

/// <summary>The real disk. Keeps nothing but what it has learned of the kernel.</summary>
internal sealed unsafe class DeviceFiles : IDeviceFiles
{
    private bool _lacksDontCache;
    private bool _lacksNoWait;

    public SafeFileHandle OpenRead(string path) => Open(path, DeviceLibc.O_RDONLY);

    public SafeFileHandle OpenWrite(string path, bool create) => Open(path, DeviceLibc.O_RDWR | (create ? DeviceLibc.O_CREAT | DeviceLibc.O_EXCL : 0));

    public int Read(SafeFileHandle file, nint destination, int count, long offset, DeviceRead how)
    {
        bool noWait = (how & DeviceRead.NoWait) != 0;
        if (noWait && Volatile.Read(ref _lacksNoWait))
        {
            return -1;
        }

        int done = 0;
        while (done < count)
        {
            int flags = noWait ? DeviceLibc.RWF_NOWAIT : 0;
            if ((how & DeviceRead.DontCache) != 0 && !Volatile.Read(ref _lacksDontCache))
            {
                flags |= DeviceLibc.RWF_DONTCACHE;
            }

            NativeSegment segment = new(destination + done, count - done);
            nint got = DeviceLibc.Preadv2(Descriptor(file), &segment, 1, offset + done, flags);
            if (got > 0)
            {
                done += (int)got;
                if (noWait)
                {
                    break;
                }
            }
            else if (got == 0)
            {
                break;
            }
            else
            {
                int errno = Marshal.GetLastPInvokeError();
                switch (errno)
                {
                    case DeviceLibc.EINTR:
                        continue;
                    case DeviceLibc.EAGAIN when noWait:
                        return done > 0 ? done : -1;
                    case DeviceLibc.EOPNOTSUPP or DeviceLibc.EINVAL when (flags & DeviceLibc.RWF_DONTCACHE) != 0:
                        Volatile.Write(ref _lacksDontCache, true);
                        continue;
                    case DeviceLibc.EOPNOTSUPP when noWait:
                        Volatile.Write(ref _lacksNoWait, true);
                        return -1;
                    default:
                        throw Failure(errno, "Reading a cache file");
                }
            }
        }

        GC.KeepAlive(file);
        return done;
    }

    public void Write(SafeFileHandle file, ReadOnlySpan<NativeSegment> source, long offset)
    {
        Invariant.That(source.Length is > 0 and <= DeviceLibc.IOV_MAX);
        Span<NativeSegment> left = stackalloc NativeSegment[source.Length];
        source.CopyTo(left);
        while (!left.IsEmpty)
        {
            nint written;
            fixed (NativeSegment* p = left)
            {
                written = DeviceLibc.Pwritev2(Descriptor(file), p, left.Length, offset, 0);
            }

            if (written < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno == DeviceLibc.EINTR)
                {
                    continue;
                }

                throw Failure(errno, "Writing a cache file");
            }

            // A write of nothing would go on for ever.
            if (written == 0)
            {
                throw Failure(DeviceLibc.ENOSPC, "Writing a cache file");
            }

            offset += written;
            while (!left.IsEmpty && written >= left[0].Length)
            {
                written -= left[0].Length;
                left = left[1..];
            }

            if (written > 0)
            {
                left[0] = new NativeSegment(left[0].Address + written, left[0].Length - written);
            }
        }

        GC.KeepAlive(file);
    }

    public long Length(SafeFileHandle file)
    {
        long end = DeviceLibc.Lseek(Descriptor(file), 0, DeviceLibc.SEEK_END);
        GC.KeepAlive(file);
        return end >= 0 ? end : throw Failure("Asking for the length of a cache file");
    }

    public long AllocatedBytes(SafeFileHandle file)
    {
        StatxBuffer buffer = default;
        byte empty = 0;
        if (DeviceLibc.Statx(Descriptor(file), &empty, DeviceLibc.AT_EMPTY_PATH, DeviceLibc.STATX_BLOCKS, &buffer) != 0)
        {
            throw Failure("Asking for the space of a cache file");
        }

        GC.KeepAlive(file);
        return (long)buffer.Blocks * 512;
    }

    public void SetLength(SafeFileHandle file, long length) => Check(DeviceLibc.Ftruncate(Descriptor(file), length), "Setting the length of a cache file", file);

    public void Allocate(SafeFileHandle file, long offset, long length)
    {
        int result;
        do
        {
            result = DeviceLibc.Fallocate(Descriptor(file), 0, offset, length);
        }
        while (result != 0 && Marshal.GetLastPInvokeError() == DeviceLibc.EINTR);
        if (result != 0 && Marshal.GetLastPInvokeError() is DeviceLibc.EOPNOTSUPP or DeviceLibc.ENOSYS)
        {
            // Writes will find out by themselves whether there is space.
            SetLength(file, Math.Max(Length(file), offset + length));
            return;
        }

        Check(result, "Allocating space for a cache file", file);
    }

    public void PunchHole(SafeFileHandle file, long offset, long length) =>
        Check(DeviceLibc.Fallocate(Descriptor(file), DeviceLibc.FALLOC_FL_KEEP_SIZE | DeviceLibc.FALLOC_FL_PUNCH_HOLE, offset, length), "Giving back space of a cache file", file);

    public void Advise(SafeFileHandle file, long offset, long length, bool willNeed)
    {
        _ = DeviceLibc.PosixFadvise(Descriptor(file), offset, length, willNeed ? DeviceLibc.POSIX_FADV_WILLNEED : DeviceLibc.POSIX_FADV_DONTNEED);
        GC.KeepAlive(file);
    }

    public void Sync(SafeFileHandle file) => Check(DeviceLibc.Fdatasync(Descriptor(file)), "Syncing a cache file", file);

    public void Delete(string path)
    {
        fixed (byte* p = Native(path))
        {
            if (DeviceLibc.Unlink(p) != 0 && Marshal.GetLastPInvokeError() != DeviceLibc.ENOENT)
            {
                throw Failure($"Removing {path}");
            }
        }
    }

    public void Rename(string from, string to)
    {
        fixed (byte* f = Native(from), t = Native(to))
        {
            Check(DeviceLibc.Rename(f, t), $"Renaming {from}", null);
        }
    }

    public void CreateDirectory(string path)
    {
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(e, $"Making the directory {path}");
        }
    }

    public IReadOnlyList<string> List(string directory)
    {
        try
        {
            return [.. Directory.EnumerateFiles(directory).Select(file => Path.GetFileName(file))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(e, $"Listing {directory}");
        }
    }

    public (long Total, long Free) Space(string directory)
    {
        StatvfsBuffer buffer = default;
        fixed (byte* p = Native(directory))
        {
            Check(DeviceLibc.Statvfs(p, &buffer), $"Asking for the space of {directory}", null);
        }

        return ((long)(buffer.Blocks * buffer.FragmentSize), (long)(buffer.BlocksAvailable * buffer.FragmentSize));
    }

    private static SafeFileHandle Open(string path, int flags)
    {
        fixed (byte* p = Native(path))
        {
            int descriptor;
            do
            {
                descriptor = DeviceLibc.OpenAt(DeviceLibc.AT_FDCWD, p, flags | DeviceLibc.O_CLOEXEC, 0x180); // 0600
            }
            while (descriptor < 0 && Marshal.GetLastPInvokeError() == DeviceLibc.EINTR);
            return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Failure($"Opening {path}");
        }
    }

    private static int Descriptor(SafeFileHandle file)
    {
        ObjectDisposedException.ThrowIf(file.IsClosed, file);
        return (int)file.DangerousGetHandle();
    }

    private static byte[] Native(string path) => Encoding.UTF8.GetBytes(path + "\0");

    private static void Check(int result, string action, SafeFileHandle? file)
    {
        if (result != 0)
        {
            throw Failure(action);
        }

        GC.KeepAlive(file);
    }

    private static CacheException Failure(string action) => Failure(Marshal.GetLastPInvokeError(), action);

    private static CacheException Failure(int errno, string action)
    {
        CacheError error = errno switch
        {
            DeviceLibc.ENOSPC or DeviceLibc.EDQUOT => CacheError.DeviceFull,
            DeviceLibc.ENOENT => CacheError.NotFound,
            _ => CacheError.DeviceFailed,
        };
        return new CacheException(error, $"{action} failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).");
    }

    private static CacheException Failure(Exception e, string action)
    {
        CacheError error = e is DirectoryNotFoundException or FileNotFoundException ? CacheError.NotFound
            : e is IOException { HResult: DeviceLibc.ENOSPC } ? CacheError.DeviceFull
            : CacheError.DeviceFailed;
        return new CacheException(error, $"{action} failed: {e.Message}", e);
    }
}
