using Microsoft.Extensions.Logging;

namespace MLPlatform.Fuse;

internal static partial class FuseLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Operation} of inode {Inode} failed: {Reason}")]
    public static partial void RequestFailed(ILogger logger, string operation, ulong inode, string reason, Exception? exception);

    [LoggerMessage(2, LogLevel.Error, "The kernel refused the reply to request {Unique} of {Length} bytes: {Errno}")]
    public static partial void ReplyRefused(ILogger logger, ulong unique, uint length, Errno errno);

    [LoggerMessage(3, LogLevel.Error, "Reading /dev/fuse failed: {Errno}; the mount is gone")]
    public static partial void DeviceFailed(ILogger logger, Errno errno);

    [LoggerMessage(4, LogLevel.Error, "A {Operation} request of {Length} bytes is too short; answered EIO")]
    public static partial void ShortRequest(ILogger logger, string operation, int length);

    [LoggerMessage(5, LogLevel.Warning, "Backing id {BackingId} could not be closed: {Errno}")]
    public static partial void BackingNotClosed(ILogger logger, int backingId, Errno errno);

    [LoggerMessage(6, LogLevel.Warning, "The kernel refused to invalidate an {What}: {Errno}")]
    public static partial void NotifyFailed(ILogger logger, string what, Errno errno);
}
