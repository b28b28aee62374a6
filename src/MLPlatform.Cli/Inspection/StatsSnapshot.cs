using System.Text.Json;
using MLPlatform.Core;

namespace MLPlatform.Cli.Inspection;

/// <summary>The counters of a mount at one moment, as <c>.mlp/stats</c> gives them. Keys that an older server lacks count as zero.</summary>
internal sealed class StatsSnapshot
{
    private readonly JsonElement _root;

    private StatsSnapshot(JsonElement root) => _root = root;

    /// <exception cref="CacheException"><c>Corrupt</c>: no JSON object.</exception>
    public static StatsSnapshot Parse(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return new StatsSnapshot(document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw new CacheException(CacheError.Corrupt, $"The mount's stats are no JSON: {e.Message}", e);
        }
    }

    /// <summary>The document on one line.</summary>
    public string Line => Framework.JsonText.Write(_root.WriteTo, isLine: true);

    /// <param name="key">One key, or two with a dot between them.</param>
    public double this[string key]
    {
        get
        {
            JsonElement at = _root;
            foreach (string part in key.Split('.'))
            {
                if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(part, out at))
                {
                    return 0;
                }
            }

            return at.ValueKind == JsonValueKind.Number ? at.GetDouble() : 0;
        }
    }

    /// <summary>The sum of all numbers in an object.</summary>
    public double Sum(string key) =>
        _root.TryGetProperty(key, out JsonElement values) && values.ValueKind == JsonValueKind.Object
            ? values.EnumerateObject().Where(static p => p.Value.ValueKind == JsonValueKind.Number).Sum(static p => p.Value.GetDouble())
            : 0;

    public string? Text(string group, string key) =>
        _root.TryGetProperty(group, out JsonElement values) && values.ValueKind == JsonValueKind.Object && values.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
