using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.Local;

/// <summary>
/// The directory a store shows, held open, and the only way to anything below it. A component that is a symbolic link is
/// refused, so nothing outside can be reached however the tree is rearranged meanwhile. Any thread may call it.
/// </summary>
internal sealed unsafe class RootDirectory : IDisposable
{
    private readonly byte[] _path;
    private readonly Lock _lock = new();
    private readonly bool _walkAlways;
    private volatile bool _noOpenat2;
    private SafeFileHandle? _handle;
    private bool _disposed;

    /// <param name="path">Absolute; it may itself be a symbolic link, since the user named it.</param>
    /// <param name="walkAlways">As on kernels before 5.6 or under a seccomp profile without openat2(2).</param>
    public RootDirectory(string path, bool walkAlways = false)
    {
        DisplayPath = path;
        _path = Encoding.UTF8.GetBytes(path + "\0");
        _walkAlways = walkAlways;
    }

    public string DisplayPath { get; }

    public string Display(ReadOnlySpan<byte> path)
    {
        string name = Encoding.UTF8.GetString(path);
        return path.IsEmpty ? DisplayPath : DisplayPath == "/" ? "/" + name : DisplayPath + "/" + name;
    }

    /// <summary>Opens the root anew. Called at start, and again when the directory held is found deleted.</summary>
    public void Reopen()
    {
        int descriptor;
        fixed (byte* path = _path)
        {
            do
            {
                descriptor = Libc.OpenAt(Libc.AT_FDCWD, path, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
            }
            while (descriptor < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR);
        }

        if (descriptor < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            throw errno switch
            {
                Libc.ENOTDIR => new CacheException(CacheError.NotFound, $"{DisplayPath} is no directory; name the directory that holds it."),
                Libc.ENOENT => new CacheException(CacheError.NotFound, $"The directory {DisplayPath} does not exist; check its path."),
                _ => FileErrors.From(errno, DisplayPath, "Opening"),
            };
        }

        SafeFileHandle? old;
        lock (_lock)
        {
            if (_disposed)
            {
                Libc.Close(descriptor);
                throw new ObjectDisposedException(nameof(RootDirectory));
            }

            old = _handle;
            _handle = new SafeFileHandle(descriptor, ownsHandle: true);
        }

        old?.Dispose(); // Its users hold references of their own.
    }

    /// <summary>Opens what is at <paramref name="path"/> below the root.</summary>
    /// <param name="path">Empty for the root itself.</param>
    /// <param name="flags">O_* beside O_CLOEXEC and O_NOFOLLOW, which are always set.</param>
    /// <exception cref="CacheException">Named by <see cref="FileErrors"/>.</exception>
    public SafeFileHandle Open(ReadOnlySpan<byte> path, int flags)
    {
        if (!IsValid(path))
        {
            throw FileErrors.BadName(Encoding.UTF8.GetString(path));
        }

        int errno = TryOpen(path, flags, out SafeFileHandle? handle);
        if (errno == Libc.ENOENT && RootIsDeleted())
        {
            Reopen();
            errno = TryOpen(path, flags, out handle);
        }

        return errno == 0 ? handle! : throw FileErrors.From(errno, Display(path), "Opening");
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _handle?.Dispose();
        }
    }

    /// <summary>True for paths that name something below a root: no empty, <c>.</c> or <c>..</c> component and no NUL.</summary>
    public static bool IsValid(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty)
        {
            return true;
        }

        if (path.Contains((byte)0))
        {
            return false;
        }

        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> component = path[range];
            if (component.IsEmpty || component.SequenceEqual("."u8) || component.SequenceEqual(".."u8))
            {
                return false;
            }
        }

        return true;
    }

    public static StatxBuffer Stat(SafeFileHandle handle, string display)
    {
        StatxBuffer stat = default;
        byte empty = 0;
        bool added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            while (Libc.Statx((int)handle.DangerousGetHandle(), &empty, Libc.AT_EMPTY_PATH, Libc.StatxBasicStats, &stat) != 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno != Libc.EINTR)
                {
                    throw FileErrors.From(errno, display, "Looking at");
                }
            }
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }

        return stat;
    }

    /// <param name="path">A name in <paramref name="directory"/> with its NUL, or only a NUL for the link <paramref name="directory"/> itself.</param>
    /// <returns>Null when there is no such link any more.</returns>
    public static byte[]? ReadLink(int directory, byte* path)
    {
        // A target never exceeds PATH_MAX (4096).
        byte* buffer = stackalloc byte[4096];
        nint length;
        do
        {
            length = Libc.ReadLinkAt(directory, path, buffer, 4096);
        }
        while (length < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR);
        return length < 0 ? null : new ReadOnlySpan<byte>(buffer, (int)length).ToArray();
    }

    private int TryOpen(ReadOnlySpan<byte> path, int flags, out SafeFileHandle? opened)
    {
        opened = null;
        byte[] rented = ArrayPool<byte>.Shared.Rent(path.Length + 2);
        bool added = false;
        SafeFileHandle root = Handle();
        try
        {
            root.DangerousAddRef(ref added);
            ReadOnlySpan<byte> name = path.IsEmpty ? "."u8 : path;
            name.CopyTo(rented);
            rented[name.Length] = 0;
            int descriptor = OpenPath((int)root.DangerousGetHandle(), rented.AsSpan(0, name.Length + 1), flags | Libc.O_CLOEXEC | Libc.O_NOFOLLOW);
            if (descriptor < 0)
            {
                return -descriptor;
            }

            opened = new SafeFileHandle(descriptor, ownsHandle: true);
            return 0;
        }
        finally
        {
            if (added)
            {
                root.DangerousRelease();
            }

            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <returns>A descriptor, or -errno.</returns>
    private int OpenPath(int root, Span<byte> path, int flags)
    {
        if (!_walkAlways && !_noOpenat2)
        {
            fixed (byte* p = path)
            {
                while (true)
                {
                    int descriptor = Libc.OpenBeneath(root, p, flags);
                    if (descriptor >= 0)
                    {
                        return descriptor;
                    }

                    // EAGAIN: a rename elsewhere raced with the resolution, which cannot go on for ever.
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno is Libc.EINTR or Libc.EAGAIN)
                    {
                        continue;
                    }

                    // Old container runtimes answer EPERM for calls they do not know; the walk tells it from a true EPERM.
                    if (errno is not (Libc.ENOSYS or Libc.EPERM))
                    {
                        return -errno;
                    }

                    _noOpenat2 |= errno == Libc.ENOSYS;
                    break;
                }
            }
        }

        return Walk(root, path, flags);
    }

    /// <summary>One openat(2) per component, none of which may be a link.</summary>
    private static int Walk(int root, Span<byte> path, int flags)
    {
        int directory = root;
        try
        {
            while (true)
            {
                int slash = path.IndexOf((byte)'/');
                int step = slash < 0 ? flags : Libc.O_PATH | Libc.O_DIRECTORY | Libc.O_NOFOLLOW | Libc.O_CLOEXEC;
                if (slash >= 0)
                {
                    path[slash] = 0;
                }

                int next;
                fixed (byte* p = path)
                {
                    do
                    {
                        next = Libc.OpenAt(directory, p, step, 0);
                    }
                    while (next < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR);
                }

                if (next < 0)
                {
                    return -Marshal.GetLastPInvokeError();
                }

                if (slash < 0)
                {
                    return next;
                }

                if (directory != root)
                {
                    Libc.Close(directory);
                }

                directory = next;
                path = path[(slash + 1)..];
            }
        }
        finally
        {
            if (directory != root)
            {
                Libc.Close(directory);
            }
        }
    }

    private SafeFileHandle Handle()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_handle is { } handle)
            {
                return handle;
            }
        }

        Reopen();
        return Handle();
    }

    private bool RootIsDeleted()
    {
        try
        {
            return Stat(Handle(), DisplayPath).LinkCount == 0;
        }
        catch (ObjectDisposedException)
        {
            return false; // Replaced or closed by another thread: the caller's ENOENT stands.
        }
    }
}
