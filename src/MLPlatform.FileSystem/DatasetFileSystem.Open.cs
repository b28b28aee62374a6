using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>Opening files. In the files profile the kernel does it alone; in the shards profile each open decides who reads.</summary>
public sealed partial class DatasetFileSystem
{
    public override void Open(in FuseRequest request, int flags)
    {
        if (_openFiles is null)
        {
            request.ReplyError(Errno.ENOSYS);
            return;
        }

        // Opening the local file may touch a disk, or a network behind it: not on a session thread.
        FuseRequest later = request;
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.Self.OpenSlow(state.Request), (Self: this, Request: later), preferLocal: false);
    }

    public override void Release(in FuseRequest request, ulong handle)
    {
        // Answered first: nobody waits for what comes after, and closing a backing id may.
        request.ReplyOk();
        if (_openFiles is not null && _openFiles.Close(request.Inode, out Backing backing))
        {
            _reader.Close(request.Inode);
            if (backing.Id > 0)
            {
                Session!.CloseBacking(backing.Id);
                backing.File?.Dispose();
            }
        }
    }

    private void OpenSlow(FuseRequest request)
    {
        try
        {
            FileVersion file = _tree.GetFile(request.Inode)
                ?? throw new CacheException(CacheError.VersionChanged, $"Inode {request.Inode} is of no file in this dataset.");
            int backingId = _openFiles!.Open(request.Inode, () => Register(file));

            // Inodes stand for immutable versions, so pages of earlier opens stay right. NoFlush: there is nothing to flush.
            FuseOpenFlags how = backingId > 0 ? FuseOpenFlags.Passthrough : FuseOpenFlags.KeepCache;
            request.ReplyOpen(0, how | FuseOpenFlags.NoFlush, backingId);
            AccessLog.Write(request, Errno.None);
        }
        catch (Exception e) // The kernel waits for ever on a request without a reply.
        {
            Fail(request, request.Inode, e);
        }
    }

    /// <summary>A backing file where the store is a local disk or the cache holds a whole checked copy, and the kernel agrees.</summary>
    private Backing Register(FileVersion file)
    {
        if (!_options.Passthrough || !Session!.Capabilities.Passthrough || file.Object.Size == 0)
        {
            return default;
        }

        using (SafeFileHandle? local = file.Store.OpenLocal(file.Object))
        {
            if (local is not null)
            {
                return new Backing(Register(file, local), null);
            }
        }

        if (_local?.TryOpenForKernel(file) is not { } copy)
        {
            return default;
        }

        int id = Register(file, copy.Handle);
        if (id > 0)
        {
            return new Backing(id, copy);
        }

        copy.Dispose();
        return default;
    }

    private int Register(FileVersion file, SafeFileHandle handle)
    {
        Errno errno = Session!.OpenBacking(handle, out int backingId);
        if (errno != Errno.None)
        {
            MountLog.PassthroughRefused(_logger, file.DisplayUri, errno.ToString());
            return 0;
        }

        return backingId;
    }
}
