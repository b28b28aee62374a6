using Microsoft.Extensions.Logging;

namespace MLPlatform.Tiers.LargeFiles;

internal static partial class LargeFileLog
{
    [LoggerMessage(30, LogLevel.Warning, "Unit {Unit} of {Path} is damaged and was dropped; it is fetched again when it is needed")]
    public static partial void UnitCorrupt(ILogger logger, string path, long unit);

    [LoggerMessage(31, LogLevel.Warning, "{Path} could not be removed: {Reason}")]
    public static partial void NotDeleted(ILogger logger, string path, string reason);

    [LoggerMessage(32, LogLevel.Warning, "The map {Path} is damaged: {Units} units of it are lost and are fetched again when they are needed")]
    public static partial void MapDamaged(ILogger logger, string path, long units);

    [LoggerMessage(33, LogLevel.Error, "Closing the cache in {Directory} while its disk has not ended a write")]
    public static partial void StillWriting(ILogger logger, string directory);

    [LoggerMessage(34, LogLevel.Warning, "{Path} has no valid map and is removed")]
    public static partial void Unusable(ILogger logger, string path);
}
