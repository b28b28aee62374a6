using Microsoft.Extensions.Logging;

namespace MLPlatform.UnderStore.S3;

/// <summary>What an S3 store logs: changes of its state. Requests are counted, not logged.</summary>
internal static partial class S3Log
{
    [LoggerMessage(1, LogLevel.Warning, "{Store} is degraded: {Cause} One request at a time probes it until it answers.")]
    public static partial void Degraded(ILogger logger, string store, string cause);

    [LoggerMessage(2, LogLevel.Information, "{Store} answers again")]
    public static partial void Recovered(ILogger logger, string store);

    [LoggerMessage(3, LogLevel.Information, "Bucket {Bucket} is in region {Region}, not {Guess}")]
    public static partial void RegionFound(ILogger logger, string bucket, string region, string guess);
}
