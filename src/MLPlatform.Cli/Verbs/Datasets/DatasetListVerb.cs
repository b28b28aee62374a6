using System.Text.Json;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Datasets;

internal sealed class DatasetListVerb : Verb
{
    public override string Path => "dataset list";

    public override string Summary => "lists the datasets of this machine";

    public override string Description => "Prints each dataset with its current version, its size, the number of versions kept and its sources.";

    public override IReadOnlyList<Setting> Settings { get; } = DatasetSettings.Reading;

    public override IReadOnlyList<Example> Examples { get; } = [new("All datasets", "mlp dataset list"), new("Only the names", "mlp dataset list --json | jq -r '.[].name'")];

    public override IReadOnlyList<string> SeeAlso => ["dataset show", "dataset add"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken) => DatasetSettings.RunAsync(context, catalogue =>
    {
        IReadOnlyList<DatasetSummary> datasets = catalogue.List();
        if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer =>
            {
                writer.WriteStartArray();
                foreach (DatasetSummary dataset in datasets)
                {
                    WriteJson(writer, dataset);
                }

                writer.WriteEndArray();
            }));
        }
        else if (datasets.Count == 0)
        {
            context.Terminal.Note("there are no datasets; name one with: mlp dataset add NAME SOURCE");
        }
        else
        {
            List<string[]> rows = [["NAME", "VERSION", "FILES", "BYTES", "VERSIONS", "SOURCES"]];
            rows.AddRange(datasets.Select(static d => new[]
            {
                d.Name,
                d.Current?.Version.Short ?? "-",
                d.Current is null ? "-" : DatasetSettings.Count(d.Current.Files),
                d.Current is null ? "-" : DatasetSettings.Bytes(d.Current.Bytes),
                DatasetSettings.Count(d.Versions),
                string.Join(' ', d.Sources.Select(DatasetShowVerb.SourceText)),
            }));
            foreach (string line in TextTable.Format(rows, 2, 3, 4))
            {
                context.Terminal.WriteLine(line);
            }

            foreach (DatasetSummary broken in datasets.Where(static d => d.Problem is not null))
            {
                context.Terminal.Warn($"{broken.Name}: {broken.Problem}");
            }
        }

        return Task.FromResult(ExitCodes.Done);
    });

    public static void WriteJson(Utf8JsonWriter writer, DatasetSummary dataset)
    {
        writer.WriteStartObject();
        writer.WriteString("name", dataset.Name);
        writer.WriteStartArray("sources");
        foreach (DatasetSource source in dataset.Sources)
        {
            writer.WriteStartObject();
            writer.WriteString("path", "/" + source.Path);
            writer.WriteString("uri", source.Uri);
            writer.WriteString("endpoint_url", source.Store.EndpointUrl);
            writer.WriteString("region", source.Store.Region);
            writer.WriteBoolean("anonymous", source.Store.Anonymous);
            writer.WriteString("credentials", source.Store.Credentials);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteBoolean("file_list", dataset.FileList);
        writer.WriteBoolean("index_tar", dataset.IndexTar);
        writer.WritePropertyName("current");
        if (dataset.Current is null)
        {
            writer.WriteNullValue();
        }
        else
        {
            DatasetVersionsVerb.WriteJson(writer, dataset.Current);
        }

        writer.WriteNumber("versions", dataset.Versions);
        writer.WriteStartArray("mounts");
        foreach (DatasetMount mount in dataset.Mounts)
        {
            writer.WriteStartObject();
            writer.WriteString("directory", mount.Directory);
            writer.WriteNumber("pid", mount.Process);
            writer.WriteString("version", mount.Version?.ToString());
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteString("problem", dataset.Problem);
        writer.WriteEndObject();
    }
}
