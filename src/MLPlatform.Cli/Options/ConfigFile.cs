using System.Globalization;
using MLPlatform.Cli.Framework;
using MLPlatform.Core;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace MLPlatform.Cli.Options;

/// <summary>
/// The YAML file of <c>--config</c>: one mapping from option names (without dashes in front) to values, or to lists where an
/// option may be repeated. One file serves all verbs. Only YamlDotNet's node model is used: its serializer needs reflection.
/// </summary>
internal sealed class ConfigFile
{
    private ConfigFile(string path, IReadOnlyDictionary<string, ConfigEntry> entries)
    {
        Path = path;
        Entries = entries;
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, ConfigEntry> Entries { get; }

    /// <param name="known">Every setting of every verb.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: not readable, no YAML, or a key that no option has.</exception>
    public static ConfigFile Load(string path, IEnumerable<Setting> known)
    {
        try
        {
            using StreamReader reader = File.OpenText(path);
            return Parse(path, reader, known);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CacheException(CacheError.Configuration, $"The configuration file {path} does not exist; correct --config or MLP_CONFIG.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheException(CacheError.Configuration, $"Cannot read the configuration file {path}: {e.Message}", e);
        }
    }

    public static ConfigFile Parse(string path, TextReader reader, IEnumerable<Setting> known)
    {
        YamlStream stream = [];
        try
        {
            stream.Load(reader);
        }
        catch (YamlException e)
        {
            throw new CacheException(CacheError.Configuration, $"{path}:{Line(e.Start)}: this is no YAML: {e.Message.TrimEnd('.')}.", e);
        }

        Dictionary<string, ConfigEntry> entries = new(StringComparer.Ordinal);
        if (stream.Documents.Count == 0)
        {
            return new ConfigFile(path, entries);
        }

        if (stream.Documents.Count > 1)
        {
            throw new CacheException(CacheError.Configuration, $"{path}:{Line(stream.Documents[1].RootNode.Start)}: a second document starts here; only one is read.");
        }

        YamlNode root = stream.Documents[0].RootNode;
        if (root is YamlScalarNode { Value: null or "" })
        {
            return new ConfigFile(path, entries);
        }

        if (root is not YamlMappingNode mapping)
        {
            throw new CacheException(CacheError.Configuration, $"{path}:{Line(root.Start)}: expected lines such as 'memory: 512MiB'.");
        }

        Dictionary<string, Setting> settings = known.Where(static s => !s.IsPerCall).DistinctBy(static s => s.Name).ToDictionary(static s => s.Name);
        foreach ((YamlNode keyNode, YamlNode valueNode) in mapping.Children)
        {
            int line = Line(keyNode.Start);
            string key = (keyNode as YamlScalarNode)?.Value ?? throw new CacheException(CacheError.Configuration, $"{path}:{line}: a key must be a plain word.");
            if (!settings.TryGetValue(key, out Setting? setting))
            {
                string? nearest = NearestWord.Find(key, settings.Keys);
                string remedy = nearest is null ? "'mlp config show' lists the words that exist" : $"did you mean {nearest}?";
                throw new CacheException(CacheError.Configuration, $"{path}:{line}: unknown option '{key}'; {remedy}{(nearest is null ? "." : "")}");
            }

            entries[key] = new ConfigEntry(Texts(path, setting, valueNode), line);
        }

        return new ConfigFile(path, entries);
    }

    private static List<string> Texts(string path, Setting setting, YamlNode node)
    {
        switch (node)
        {
            case YamlScalarNode scalar when scalar.Value is { Length: > 0 } text:
                return [text];
            case YamlSequenceNode sequence when setting.IsRepeatable && sequence.Children.Count > 0 && sequence.Children.All(static c => c is YamlScalarNode { Value.Length: > 0 }):
                return [.. sequence.Children.Select(static c => ((YamlScalarNode)c).Value!)];
            default:
                string wanted = setting.IsRepeatable ? "a value or a list of values" : "one value";
                throw new CacheException(CacheError.Configuration, $"{path}:{Line(node.Start)}: {setting.Name} takes {wanted}.");
        }
    }

    private static int Line(Mark mark) => Convert.ToInt32(mark.Line, CultureInfo.InvariantCulture);
}
