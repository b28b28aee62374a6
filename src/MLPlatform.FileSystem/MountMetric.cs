namespace MLPlatform.FileSystem;

/// <summary>One thing that a mount tells of itself at one moment. Immutable.</summary>
/// <param name="Key">As in <c>.mlp/stats</c>, with the unit at the end; a dot divides an object from its member.</param>
/// <param name="Help">One sentence for people who read the metrics.</param>
/// <param name="Label">What <paramref name="Values"/> are divided by; null for one number without a word.</param>
/// <param name="Values">Decimal, because sums of bytes stay exact and are never written with an exponent.</param>
/// <param name="Content">Of a <see cref="MetricKind.Word"/> or a <see cref="MetricKind.Text"/>.</param>
internal sealed record MountMetric(MetricKind Kind, string Key, string Help, string? Label, IReadOnlyList<(string Word, decimal Value)> Values, string? Content)
{
    public static MountMetric Counter(string key, decimal value, string help) => new(MetricKind.Counter, key, help, null, [("", value)], null);

    /// <param name="label">What the words are, in Prometheus: <c>operation</c>, <c>tier</c>. There must be few of them, known from the start.</param>
    public static MountMetric Counters(string key, string label, IEnumerable<(string Word, long Count)> values, string help) =>
        new(MetricKind.Counter, key, help, label, [.. values.Select(static pair => (pair.Word, (decimal)pair.Count))], null);

    /// <param name="label">As for <see cref="Counters"/>.</param>
    public static MountMetric Gauges(string key, string label, IEnumerable<(string Word, long Value)> values, string help) =>
        new(MetricKind.Gauge, key, help, label, [.. values.Select(static pair => (pair.Word, (decimal)pair.Value))], null);

    public static MountMetric Gauge(string key, decimal value, string help) => new(MetricKind.Gauge, key, help, null, [("", value)], null);

    public static MountMetric Word(string key, string content) => new(MetricKind.Word, key, "", null, [], content);

    public static MountMetric Text(string key, string? content) => new(MetricKind.Text, key, "", null, [], content);
}
