using MLPlatform.Core;

namespace MLPlatform.Fuse;

/// <summary>The one place where a <see cref="CacheError"/> becomes an errno.</summary>
public static class ErrnoMap
{
    public static Errno From(CacheError error) => error switch
    {
        CacheError.NotFound or CacheError.InvalidName => Errno.ENOENT,
        CacheError.AccessDenied or CacheError.Unauthenticated => Errno.EACCES,
        CacheError.VersionChanged => Errno.ESTALE,
        CacheError.Throttled or CacheError.Unreachable or CacheError.DeadlineExceeded or CacheError.Corrupt => Errno.EIO,
        CacheError.DeviceFailed or CacheError.DeviceFull => Errno.EIO,
        CacheError.ReadOnly => Errno.EROFS,
        CacheError.Interrupted => Errno.EINTR,
        CacheError.Busy => Errno.EBUSY,
        CacheError.Unsupported => Errno.EOPNOTSUPP,
        CacheError.Configuration => Errno.EINVAL,
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "A CacheError without an errno."),
    };

    /// <summary>What a request that failed with <paramref name="exception"/> answers; bugs give EIO.</summary>
    public static Errno From(Exception exception) => exception switch
    {
        CacheException fault => From(fault.Error),
        OperationCanceledException => Errno.EINTR,
        _ => Errno.EIO,
    };
}
