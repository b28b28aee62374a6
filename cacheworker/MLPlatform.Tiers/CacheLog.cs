using Microsoft.Extensions.Logging;

namespace MLPlatform.Tiers;

internal static partial class CacheLog
{
    [LoggerMessage(1, LogLevel.Information, "Cache {Directory}: {Used} of {Limit} used, {Records} small and {Large} large files")]
    public static partial void Opened(ILogger logger, string directory, string used, string limit, long records, int large);

    [LoggerMessage(2, LogLevel.Warning, "Going on without a cache: {Reason}")]
    public static partial void NotOpened(ILogger logger, string reason, Exception exception);

    [LoggerMessage(3, LogLevel.Warning, "Cache {Directory} is of another format; its content was set aside in {Aside}")]
    public static partial void SetAside(ILogger logger, string directory, string aside);

    [LoggerMessage(4, LogLevel.Warning, "Cache {Directory} is {Health}: {Reason}")]
    public static partial void HealthChanged(ILogger logger, string directory, string health, string reason);

    [LoggerMessage(5, LogLevel.Warning, "A checkpoint of the cache {Directory} failed: {Reason}")]
    public static partial void CheckpointFailed(ILogger logger, string directory, string reason);

    [LoggerMessage(6, LogLevel.Error, "Upkeep of the cache broke; it is tried again")]
    public static partial void UpkeepCrashed(ILogger logger, Exception exception);
}
