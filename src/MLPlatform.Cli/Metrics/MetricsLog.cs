using Microsoft.Extensions.Logging;

namespace MLPlatform.Cli.Metrics;

/// <summary>What the metrics server logs.</summary>
internal static partial class MetricsLog
{
    [LoggerMessage(1, LogLevel.Information, "Metrics are served at http://{Address}/metrics")]
    public static partial void Serving(ILogger logger, string address);

    [LoggerMessage(2, LogLevel.Warning, "A request for metrics could not be taken: {Reason}")]
    public static partial void AcceptFailed(ILogger logger, string reason);

    [LoggerMessage(3, LogLevel.Error, "A request for metrics was not answered")]
    public static partial void AnswerFailed(ILogger logger, Exception exception);
}
