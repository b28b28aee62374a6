using Microsoft.Extensions.Logging;

namespace MLPlatform.Tiers.Segments;

internal static partial class SegmentLog
{
    [LoggerMessage(6101, LogLevel.Information, "{Directory}: {Segments} segments, {Scanned} of them scanned; {Added} records found again, {Dropped} gone, {Corrupt} corrupt")]
    public static partial void Recovered(ILogger logger, string directory, int segments, int scanned, long added, long dropped, long corrupt);

    [LoggerMessage(6102, LogLevel.Warning, "{Path} is no segment of this cache and was discarded")]
    public static partial void Discarded(ILogger logger, string path);

    [LoggerMessage(6103, LogLevel.Warning, "A cached copy in {Path} at {Offset} did not match its checksums and was dropped")]
    public static partial void RecordCorrupt(ILogger logger, string path, long offset);

    [LoggerMessage(6104, LogLevel.Warning, "Writing {Path} failed: {Reason}")]
    public static partial void WriteFailed(ILogger logger, string path, string reason);

    [LoggerMessage(6105, LogLevel.Warning, "Sealing {Path} failed, so the next start reads it record by record: {Reason}")]
    public static partial void SealFailed(ILogger logger, string path, string reason);

    [LoggerMessage(6106, LogLevel.Warning, "Reading {Path} failed at {Offset}: {Reason}")]
    public static partial void ScanFailed(ILogger logger, string path, long offset, string reason);

    [LoggerMessage(6107, LogLevel.Error, "The writer of segments broke; this is a bug of ours")]
    public static partial void WriterCrashed(ILogger logger, Exception exception);

    [LoggerMessage(6108, LogLevel.Warning, "Removing {Path} failed: {Reason}")]
    public static partial void DeleteFailed(ILogger logger, string path, string reason);
}
