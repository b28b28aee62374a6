using Microsoft.Extensions.Logging;

namespace MLPlatform.Datasets;

internal static partial class CatalogueLog
{
    [LoggerMessage(301, LogLevel.Information, "Dataset {Dataset}: version {Version} of {Files} files is current; {Added} added, {Changed} changed, {Removed} removed")]
    public static partial void VersionPublished(ILogger logger, string dataset, string version, long files, long added, long changed, long removed);

    [LoggerMessage(302, LogLevel.Warning, "Dataset {Dataset}: the previous version cannot be read, so every file gets a new inode number: {Reason}")]
    public static partial void PreviousUnreadable(ILogger logger, string dataset, string reason);

    [LoggerMessage(303, LogLevel.Warning, "{Source}: the listing in the background failed and starts again in {Delay}: {Reason}")]
    public static partial void ListingFailed(ILogger logger, string source, TimeSpan delay, string reason);

    [LoggerMessage(304, LogLevel.Information, "{Source}: pinned to version {Version} of {Files} files")]
    public static partial void Pinned(ILogger logger, string source, string version, long files);

    [LoggerMessage(305, LogLevel.Warning, "Dataset {Dataset}: cannot move to the version that is current: {Reason}")]
    public static partial void FollowFailed(ILogger logger, string dataset, string reason);

    [LoggerMessage(306, LogLevel.Information, "Dataset {Dataset}: moved from version {Before} to {After}; {Added} added, {Changed} changed, {Removed} removed")]
    public static partial void Followed(ILogger logger, string dataset, string before, string after, long added, long changed, long removed);

    [LoggerMessage(307, LogLevel.Warning, "{Path} is left over and cannot be deleted: {Reason}")]
    public static partial void LeftoverStays(ILogger logger, string path, string reason);

    [LoggerMessage(308, LogLevel.Warning, "{Source}: its version is in use but not remembered for the next mount: {Reason}")]
    public static partial void NotRemembered(ILogger logger, string source, string reason);
}
