using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MLPlatform.FileSystem;

/// <summary>Writes one list of metrics as JSON and as Prometheus text. Pure functions.</summary>
internal static class MetricsText
{
    /// <summary>One JSON document: keys with a dot become members of an object; those of one object stand side by side in the list.</summary>
    public static string ToJson(IEnumerable<MountMetric> metrics)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            string? open = null;
            foreach (MountMetric metric in metrics)
            {
                int dot = metric.Key.IndexOf('.', StringComparison.Ordinal);
                string? group = dot < 0 ? null : metric.Key[..dot];
                if (group != open)
                {
                    if (open is not null)
                    {
                        json.WriteEndObject();
                    }

                    if (group is not null)
                    {
                        json.WriteStartObject(group);
                    }

                    open = group;
                }

                WriteJson(json, metric.Key[(dot + 1)..], metric);
            }

            if (open is not null)
            {
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length) + "\n";
    }

    /// <summary>The text format 0.0.4 of Prometheus: the same keys with <c>mlp_</c> in front.</summary>
    public static string ToPrometheus(IReadOnlyList<MountMetric> metrics)
    {
        StringBuilder text = new();
        foreach (MountMetric metric in metrics.Where(static m => m.Values.Count > 0))
        {
            string name = NameOf(metric.Key);
            AppendHead(text, name, metric.Help, metric.Kind == MetricKind.Counter ? "counter" : "gauge");
            foreach ((string word, decimal value) in metric.Values)
            {
                text.Append(name);
                if (metric.Label is { } label)
                {
                    text.Append('{');
                    AppendLabel(text, label, word);
                    text.Append('}');
                }

                text.Append(' ').Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
            }
        }

        AppendHead(text, "mlp_mount_info", "Always 1; the labels tell what is mounted and how.", "gauge");
        text.Append("mlp_mount_info{");
        int start = text.Length;
        foreach (MountMetric metric in metrics.Where(static m => m.Kind == MetricKind.Word))
        {
            text.Append(text.Length > start ? "," : "");
            AppendLabel(text, metric.Key.Replace('.', '_'), metric.Content ?? "");
        }

        return text.Append("} 1\n").ToString();
    }

    internal static string NameOf(string key) => "mlp_" + key.Replace('.', '_');

    private static void WriteJson(Utf8JsonWriter json, string key, MountMetric metric)
    {
        if (metric.Kind is MetricKind.Word or MetricKind.Text)
        {
            json.WriteString(key, metric.Content);
        }
        else if (metric.Label is null)
        {
            json.WriteNumber(key, metric.Values[0].Value);
        }
        else
        {
            json.WriteStartObject(key);
            foreach ((string word, decimal value) in metric.Values)
            {
                json.WriteNumber(word, value);
            }

            json.WriteEndObject();
        }
    }

    private static void AppendHead(StringBuilder text, string name, string help, string type) =>
        text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    private static void AppendLabel(StringBuilder text, string label, string value)
    {
        text.Append(label).Append("=\"");
        foreach (char c in value)
        {
            _ = c switch
            {
                '\\' => text.Append(@"\\"),
                '"' => text.Append("\\\""),
                '\n' => text.Append(@"\n"),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }
}
