using Microsoft.Extensions.Logging;

namespace MLPlatform.Client;

internal static partial class ReaderLog
{
    [LoggerMessage(2001, LogLevel.Warning, "Reading {Uri} failed with {Error}: {Reason}")]
    public static partial void FetchFailed(ILogger logger, string uri, MLPlatform.Core.CacheError error, string reason);

    [LoggerMessage(2002, LogLevel.Warning, "{Count} more failures of reads were not logged")]
    public static partial void FailuresSuppressed(ILogger logger, long count);

    [LoggerMessage(2003, LogLevel.Error, "A store broke while reading {Uri}; this is a bug of ours")]
    public static partial void SourceCrashed(ILogger logger, string uri, Exception exception);

    [LoggerMessage(2004, LogLevel.Error, "The reader's housekeeping broke; this is a bug of ours")]
    public static partial void HousekeepingCrashed(ILogger logger, Exception exception);
}
