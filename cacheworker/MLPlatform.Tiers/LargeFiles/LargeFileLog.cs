using Microsoft.Extensions.Logging;

namespace MLPlatform.Tiers.LargeFiles;

internal static partial class LargeFileLog
{
    [LoggerMessage(30, LogLevel.Warning, "Unit {Unit} of {Path} is damaged and was dropped; it is fetched again when it is needed")]
    public static partial void UnitCorrupt(ILogger logger, string path, long unit);

    [LoggerMessage(31, LogLevel.Warning, "{Path} could not be removed: {Reason}")]
    public static partial void NotDeleted(ILogger logger, string path, string reason);
}
