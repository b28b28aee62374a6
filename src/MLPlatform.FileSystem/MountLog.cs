using Microsoft.Extensions.Logging;

namespace MLPlatform.FileSystem;

internal static partial class MountLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Operation} {Path} failed with {Errno}: {Reason}")]
    public static partial void OperationFailed(ILogger logger, string operation, string path, string errno, string reason, Exception? exception);

    [LoggerMessage(2, LogLevel.Warning, "{Count} more failures were not logged")]
    public static partial void FailuresSuppressed(ILogger logger, long count);

    [LoggerMessage(3, LogLevel.Information, "Mounted {Dataset} on {Directory}: profile {Profile}, passthrough {Passthrough}, FUSE 7.{Minor}")]
    public static partial void Mounted(ILogger logger, string dataset, string directory, string profile, bool passthrough, uint minor);

    [LoggerMessage(4, LogLevel.Information, "Unmounted {Directory}")]
    public static partial void Unmounted(ILogger logger, string directory);

    [LoggerMessage(5, LogLevel.Warning, "{Directory} is busy; it leaves the tree now and ends when its last user does, or in {Grace}")]
    public static partial void UnmountedLazily(ILogger logger, string directory, string grace);

    [LoggerMessage(6, LogLevel.Information, "{Dataset} is {Mode} {Version}: {Names} names and {Inodes} inodes of the kernel's caches dropped")]
    public static partial void TreeChanged(ILogger logger, string dataset, string mode, string version, string names, int inodes);

    [LoggerMessage(7, LogLevel.Warning, "Passthrough of {Path} refused: {Errno}; its reads go through this server")]
    public static partial void PassthroughRefused(ILogger logger, string path, string errno);

    [LoggerMessage(8, LogLevel.Warning, "Reading the local copy of {Uri} failed, it is read from the store instead: {Reason}")]
    public static partial void LocalReadFailed(ILogger logger, string uri, string reason, Exception exception);
}
