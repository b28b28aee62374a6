using Microsoft.Extensions.Logging;

namespace MLPlatform.Protocol;

internal static partial class ProtocolLog
{
    [LoggerMessage(3301, LogLevel.Warning, "The connection to {Peer} was cut: {Reason}")]
    public static partial void Cut(ILogger logger, string peer, string reason);

    [LoggerMessage(3302, LogLevel.Error, "A request of {Peer} broke")]
    public static partial void RequestCrashed(ILogger logger, string peer, Exception exception);

    [LoggerMessage(3303, LogLevel.Warning, "A connection was refused: {Reason}")]
    public static partial void Refused(ILogger logger, string reason);

    [LoggerMessage(3304, LogLevel.Error, "Taking connections at {Path} failed; it is tried again")]
    public static partial void AcceptFailed(ILogger logger, string path, Exception exception);
}
