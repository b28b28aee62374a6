namespace MLPlatform.Fuse;

/// <summary>Linux error numbers that a file system answers with, as positive values (include/uapi/asm-generic/errno.h).</summary>
public enum Errno
{
    None = 0,
    EPERM = 1,
    ENOENT = 2,
    EINTR = 4,
    EIO = 5,
    EBADF = 9,
    EAGAIN = 11,
    ENOMEM = 12,
    EACCES = 13,
    EBUSY = 16,
    EEXIST = 17,
    ENODEV = 19,
    ENOTDIR = 20,
    EISDIR = 21,
    EINVAL = 22,
    ENOSPC = 28,
    EROFS = 30,
    ERANGE = 34,
    ENOSYS = 38,
    ELOOP = 40,
    ENODATA = 61,
    EOPNOTSUPP = 95,
    ENOTCONN = 107,
    ESTALE = 116,
}
