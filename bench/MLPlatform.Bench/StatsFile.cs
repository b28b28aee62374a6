using System.Text.Json;

namespace MLPlatform.Bench;

/// <summary>The counters of a mount of ours.</summary>
internal sealed class StatsFile
{
    private readonly JsonElement _root;

    private StatsFile(JsonElement root) => _root = root;

    public static StatsFile Read(string directory)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory, ".mlp/stats")));
        return new StatsFile(document.RootElement.Clone());
    }

    /// <summary>A number, or the sum of an object's numbers; 0 where there is no such key.</summary>
    public long Sum(string key) => !_root.TryGetProperty(key, out JsonElement found) ? 0
        : found.ValueKind == JsonValueKind.Object ? found.EnumerateObject().Sum(part => part.Value.GetInt64())
        : found.GetInt64();
}
