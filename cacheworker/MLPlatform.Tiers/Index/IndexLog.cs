using Microsoft.Extensions.Logging;

namespace MLPlatform.Tiers.Index;

internal static partial class IndexLog
{
    [LoggerMessage(3001, LogLevel.Warning, "The checkpoint of the cache's index in {Directory} is set aside, and what is cached is looked up on the disk: {Reason}")]
    public static partial void CheckpointSetAside(ILogger logger, string directory, string reason);

    [LoggerMessage(3002, LogLevel.Warning, "The cache's index of {Entries} entries could not be made compact and takes more memory until it can")]
    public static partial void RebuildFailed(ILogger logger, long entries, Exception exception);
}
