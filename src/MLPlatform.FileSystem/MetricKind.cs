namespace MLPlatform.FileSystem;

/// <summary>What a metric's number does over time.</summary>
internal enum MetricKind
{
    /// <summary>Only grows while the mount lives.</summary>
    Counter,

    /// <summary>What is now.</summary>
    Gauge,

    /// <summary>No number but one of a few words: in Prometheus a label of <c>mlp_mount_info</c>.</summary>
    Word,

    /// <summary>No number but any text: only in <c>.mlp/stats</c>, since as a label each new value would be a new series.</summary>
    Text,
}
