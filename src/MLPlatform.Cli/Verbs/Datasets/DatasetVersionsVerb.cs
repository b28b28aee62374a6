using System.Text.Json;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Datasets;

internal sealed class DatasetVersionsVerb : Verb
{
    public override string Path => "dataset versions";

    public override string Summary => "lists the versions of a dataset that are kept, the youngest first";

    public override string Description => "Prints each version with the time of its listing and its size; a star marks the current one. Any of them can be mounted as NAME@VERSION.";

    public override IReadOnlyList<Operand> Operands { get; } = [DatasetSettings.Name];

    public override IReadOnlyList<Setting> Settings { get; } = DatasetSettings.Reading;

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("All versions", "mlp dataset versions imagenet"),
        new("Mount the one before the last sync", "mlp mount imagenet@$(mlp dataset versions imagenet --json | jq -r '.[1].version') /mnt/before"),
    ];

    public override IReadOnlyList<string> SeeAlso => ["dataset sync", "mount"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken) => DatasetSettings.RunAsync(context, catalogue =>
    {
        string name = context.Operands[0];
        IReadOnlyList<DatasetVersionInfo> versions = catalogue.Versions(name);
        if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer =>
            {
                writer.WriteStartArray();
                foreach (DatasetVersionInfo version in versions)
                {
                    WriteJson(writer, version);
                }

                writer.WriteEndArray();
            }));
        }
        else if (versions.Count == 0)
        {
            context.Terminal.Note($"{name} has no version yet; list it with: mlp dataset sync {name}");
        }
        else
        {
            List<string[]> rows = [["", "VERSION", "LISTED", "FILES", "BYTES", "LEFT OUT", "MANIFEST"]];
            rows.AddRange(versions.Select(static v => new[]
            {
                v.IsCurrent ? "*" : " ",
                v.Version.ToString(),
                v.Created.ToString("yyyy-MM-ddTHH:mm:ssZ"),
                DatasetSettings.Count(v.Files),
                DatasetSettings.Bytes(v.Bytes),
                DatasetSettings.Count(v.Skipped),
                v.Problem ?? DatasetSettings.Bytes(v.ManifestBytes),
            }));
            foreach (string line in TextTable.Format(rows, 3, 4, 5))
            {
                context.Terminal.WriteLine(line);
            }
        }

        return Task.FromResult(ExitCodes.Done);
    });

    public static void WriteJson(Utf8JsonWriter writer, DatasetVersionInfo version)
    {
        writer.WriteStartObject();
        writer.WriteString("version", version.Version.ToString());
        writer.WriteBoolean("current", version.IsCurrent);
        writer.WriteString("listed", version.Created.ToString("yyyy-MM-ddTHH:mm:ssZ"));
        writer.WriteNumber("files", version.Files);
        writer.WriteNumber("directories", version.Directories);
        writer.WriteNumber("bytes", version.Bytes);
        writer.WriteNumber("skipped", version.Skipped);
        writer.WriteNumber("manifest_bytes", version.ManifestBytes);
        writer.WriteString("problem", version.Problem);
        writer.WriteEndObject();
    }
}
