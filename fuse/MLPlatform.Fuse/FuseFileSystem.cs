namespace MLPlatform.Fuse;

/// <summary>
/// What a file system answers. The session's threads call these methods, several at once; a method must not wait. It answers
/// its request exactly once by one of <see cref="FuseRequest"/>'s <c>Reply…</c> methods, before it returns or later from any thread. An exception
/// thrown before the reply becomes the errno of <see cref="ErrnoMap"/>. Spans are valid only during the call.
/// What is not overridden answers ENOSYS, which the kernel remembers for most operations; whatever would change the tree answers EROFS.
/// </summary>
public abstract class FuseFileSystem
{
    /// <summary>First use of a name. Kernel: fuse_lookup_name in fs/fuse/dir.c.</summary>
    public abstract void Lookup(in FuseRequest request, ReadOnlySpan<byte> name);

    /// <summary>The kernel drops <paramref name="count"/> references given by lookups and readdirplus. Has no reply.</summary>
    public virtual void Forget(ulong inode, ulong count)
    {
    }

    public abstract void GetAttributes(in FuseRequest request);

    public virtual void ReadLink(in FuseRequest request) => request.ReplyError(Errno.EINVAL);

    /// <summary>ENOSYS switches opens off for the whole connection, and every later open succeeds inside the kernel.</summary>
    public virtual void Open(in FuseRequest request, int flags) => request.ReplyError(Errno.ENOSYS);

    /// <param name="handle">From the open, zero where opens are off.</param>
    /// <param name="count">At most the connection's largest read; less may be returned only at the end of the file.</param>
    public abstract void Read(in FuseRequest request, ulong handle, long offset, int count);

    /// <summary>The last descriptor of an open is closed.</summary>
    public virtual void Release(in FuseRequest request, ulong handle) => request.ReplyOk();

    /// <summary>ENOSYS switches directory opens off for the whole connection.</summary>
    public virtual void OpenDirectory(in FuseRequest request) => request.ReplyError(Errno.ENOSYS);

    /// <summary>Entries after <paramref name="cookie"/>; an empty reply ends the walk.</summary>
    /// <param name="count">Bytes the reply may hold.</param>
    /// <param name="plus">Entries carry attributes and count as lookups.</param>
    public abstract void ReadDirectory(in FuseRequest request, ulong cookie, int count, bool plus);

    public virtual void ReleaseDirectory(in FuseRequest request) => request.ReplyOk();

    public abstract void StatFs(in FuseRequest request);

    /// <param name="size">Bytes the caller has room for; 0 asks for the length.</param>
    public virtual void GetXAttr(in FuseRequest request, ReadOnlySpan<byte> name, int size) => request.ReplyError(Errno.ENOSYS);

    public virtual void ListXAttr(in FuseRequest request, int size) => request.ReplyError(Errno.ENOSYS);

    /// <summary>Only on connections that are mounted writable.</summary>
    public virtual void Write(in FuseRequest request, ulong handle, long offset, ReadOnlySpan<byte> data) => request.ReplyError(Errno.EROFS);

    /// <summary>chmod, chown, utimes, truncate.</summary>
    public virtual void SetAttributes(in FuseRequest request) => request.ReplyError(Errno.EROFS);

    /// <summary>The kernel answered INIT's reply, or the connection ends.</summary>
    public virtual void Destroyed()
    {
    }
}
