using Microsoft.Extensions.Logging;

namespace MLPlatform.Cli.Mounting;

/// <summary>What the mount server logs about itself.</summary>
internal static partial class MountLog
{
    [LoggerMessage(1, LogLevel.Information, "mlp {Version} mounts {Source} on {Directory}, process {Pid}")]
    public static partial void Starting(ILogger logger, string version, string source, string directory, int pid);

    [LoggerMessage(2, LogLevel.Information, "{Signal} received, unmounting {Directory}")]
    public static partial void Signalled(ILogger logger, string signal, string directory);

    [LoggerMessage(3, LogLevel.Error, "The mount of {Directory} failed")]
    public static partial void Failed(ILogger logger, string directory, Exception exception);

    [LoggerMessage(4, LogLevel.Warning, "{What}")]
    public static partial void Cleared(ILogger logger, string what);

    [LoggerMessage(5, LogLevel.Warning, "The process that started this mount has gone before it was ready; unmounting {Directory}")]
    public static partial void Abandoned(ILogger logger, string directory);

    [LoggerMessage(6, LogLevel.Information, "{Words}")]
    public static partial void Progress(ILogger logger, string words);

    [LoggerMessage(7, LogLevel.Warning, "Nothing is kept on disk by this mount: {Reason}")]
    public static partial void NoCache(ILogger logger, string reason);
}
