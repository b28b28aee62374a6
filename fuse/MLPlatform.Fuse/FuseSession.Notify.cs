using Microsoft.Win32.SafeHandles;
using MLPlatform.Fuse.Interop;
using MLPlatform.Fuse.Kernel;

namespace MLPlatform.Fuse;

/// <summary>What the server tells the kernel unasked. Call these from a thread that serves no request: the kernel may
/// wait for a request under way on the same inode.</summary>
public sealed unsafe partial class FuseSession
{
    private const int NotifyInvalInode = 2;
    private const int NotifyInvalEntry = 3;
    private const int NotifyIncEpoch = 8;

    /// <summary>Attributes and all pages of an inode are out of date. An inode the kernel does not know is no error.</summary>
    public void InvalidateInode(ulong inode)
    {
        InvalInodeMessage message = default;
        message.Header = new OutHeader { Length = (uint)sizeof(InvalInodeMessage), Error = NotifyInvalInode };
        message.Body = new NotifyInvalInodeOut { Inode = inode, Offset = 0, Length = 0 };
        Notify(&message, sizeof(InvalInodeMessage), "inode");
    }

    /// <summary>A name leads elsewhere or nowhere by now.</summary>
    public void InvalidateEntry(ulong directory, ReadOnlySpan<byte> name)
    {
        int length = sizeof(OutHeader) + sizeof(NotifyInvalEntryOut) + name.Length + 1;
        byte* message = stackalloc byte[length];
        *(OutHeader*)message = new OutHeader { Length = (uint)length, Error = NotifyInvalEntry };
        *(NotifyInvalEntryOut*)(message + sizeof(OutHeader)) = new NotifyInvalEntryOut { Parent = directory, NameLength = (uint)name.Length };
        Span<byte> tail = new(message + sizeof(OutHeader) + sizeof(NotifyInvalEntryOut), name.Length + 1);
        name.CopyTo(tail);
        tail[^1] = 0;
        Notify(message, length, "entry");
    }

    /// <summary>All names are out of date at once (Linux 6.16; false on older kernels).</summary>
    public bool InvalidateAllEntries()
    {
        OutHeader message = new() { Length = (uint)sizeof(OutHeader), Error = NotifyIncEpoch };
        return Libc.write(_deviceFd, &message, sizeof(OutHeader)) >= 0;
    }

    /// <summary>Registers a local file that the kernel may read in our place. Needs CAP_SYS_ADMIN. The descriptor may be closed afterwards.</summary>
    /// <returns>A backing id, or the reason why not.</returns>
    public Errno OpenBacking(SafeFileHandle file, out int backingId)
    {
        bool added = false;
        try
        {
            file.DangerousAddRef(ref added);
            BackingMap map = new() { Fd = (int)file.DangerousGetHandle() };
            backingId = Libc.ioctl_backing(_deviceFd, Libc.FUSE_DEV_IOC_BACKING_OPEN, &map);
            return backingId > 0 ? Errno.None : Libc.LastErrno;
        }
        finally
        {
            if (added)
            {
                file.DangerousRelease();
            }
        }
    }

    public void CloseBacking(int backingId)
    {
        uint id = (uint)backingId;
        if (Libc.ioctl_uint(_deviceFd, Libc.FUSE_DEV_IOC_BACKING_CLOSE, &id) < 0 && Volatile.Read(ref _disposed) == 0)
        {
            FuseLog.BackingNotClosed(_logger, backingId, Libc.LastErrno);
        }
    }

    private void Notify(void* message, int length, string what)
    {
        // ENOENT: the kernel does not know it (any more), which is what we wanted.
        if (Libc.write(_deviceFd, message, length) < 0 && Libc.LastErrno is var errno and not (Errno.ENOENT or Errno.ENODEV or Errno.ENOTDIR or Errno.EBADF))
        {
            FuseLog.NotifyFailed(_logger, what, errno);
        }
    }

    private struct InvalInodeMessage
    {
        public OutHeader Header;
        public NotifyInvalInodeOut Body;
    }
}
