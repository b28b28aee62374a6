using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Datasets;

internal sealed class DatasetShowVerb : Verb
{
    private static readonly Setting<bool> s_skipped = new(
        "skipped", null, "List the names that no file system can hold, with the reason, instead.", false, static t => SettingKinds.ParseFlag(t[0]))
    {
        Group = "Dataset options",
        IsPerCall = true,
    };

    public override string Path => "dataset show";

    public override string Summary => "tells what a dataset is made of and what its versions hold";

    public override string Description => """
        Prints the sources of a dataset, how they are reached, what its current version holds, and where it is mounted. NAME@sha256:… (or the first digits) shows a version.

        Some names of object stores cannot be files: a key that is also a prefix of others, empty components, '.' and '..', components above 255 bytes. They are counted here and listed with --skipped.
        """;

    public override IReadOnlyList<Operand> Operands { get; } = [new("NAME[@VERSION]", "Of a dataset.", CompletionKind.Dataset)];

    public override IReadOnlyList<Setting> Settings { get; } = [s_skipped, .. DatasetSettings.Reading];

    public override IReadOnlyList<Example> Examples { get; } = [new("What is it", "mlp dataset show imagenet"), new("Which keys are left out", "mlp dataset show imagenet --skipped")];

    public override IReadOnlyList<string> SeeAlso => ["dataset versions", "dataset list", "info"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken) => DatasetSettings.RunAsync(context, catalogue =>
    {
        (string name, string? version) = DatasetSettings.NameAndVersion(context.Operands[0]);
        _ = catalogue.Definition(name); // Fails with the nearest name, or with why it cannot be read.
        if (context.Get(s_skipped))
        {
            ShowSkipped(context, catalogue, name, version, cancellationToken);
            return Task.FromResult(ExitCodes.Done);
        }

        DatasetSummary summary = catalogue.Summary(name);
        if (version is not null)
        {
            DatasetVersionId wanted = catalogue.Resolve(name, version);
            summary = summary with { Current = catalogue.Versions(name).First(v => v.Version == wanted) };
        }

        if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer => DatasetListVerb.WriteJson(writer, summary)));
        }
        else
        {
            Show(context.Terminal, summary, version is null ? "current version" : "version");
        }

        return Task.FromResult(ExitCodes.Done);
    });

    public static string SourceText(DatasetSource source) => source.Path.Length == 0 ? source.Uri : $"{source.Uri}@/{source.Path}";

    private static void Show(Terminal terminal, DatasetSummary summary, string versionName)
    {
        List<string[]> rows = [["name", summary.Name]];
        foreach (DatasetSource source in summary.Sources)
        {
            string[] how =
            [
                .. source.Store.EndpointUrl is { } endpoint ? new[] { endpoint } : [],
                .. source.Store.Region is { } region ? new[] { region } : [],
                .. source.Store.Anonymous ? new[] { "anonymous" } : [],
                .. source.Store.Credentials is { } credentials ? new[] { $"credentials {credentials}" } : [],
            ];
            rows.Add(["source", $"/{source.Path} ← {source.Uri}{(how.Length == 0 ? "" : $" ({string.Join(", ", how)})")}"]);
        }

        if (summary.FileList)
        {
            rows.Add(["files from", "the list it was added with"]);
        }

        if (summary.IndexTar)
        {
            rows.Add(["tar shards", "their members are shown as files"]);
        }

        if (summary.Current is { } version)
        {
            rows.Add([versionName, version.Version.ToString()]);
            rows.Add(["listed", version.Created.ToString("yyyy-MM-ddTHH:mm:ssZ")]);
            rows.Add(["files", DatasetSettings.Count(version.Files)]);
            rows.Add(["directories", DatasetSettings.Count(version.Directories)]);
            rows.Add(["bytes", $"{version.Bytes} ({DatasetSettings.Bytes(version.Bytes)})"]);
            rows.Add(["left out", version.Skipped == 0 ? "nothing" : $"{DatasetSettings.Count(version.Skipped)} names; list them with --skipped"]);
        }
        else
        {
            rows.Add([versionName, $"none yet; list it with: mlp dataset sync {summary.Name}"]);
        }

        rows.Add(["versions", DatasetSettings.Count(summary.Versions)]);
        rows.AddRange(summary.Mounts.Select(static m => new[] { "mounted", $"{m.Directory} by process {m.Process}{(m.Version is { } pinned ? $" at {pinned.Short}" : ", live")}" }));
        if (summary.Problem is not null)
        {
            rows.Add(["problem", summary.Problem]);
        }

        foreach (string line in TextTable.Format([.. rows.Select(static r => new[] { r[0] + ":", r[1] })]))
        {
            terminal.WriteLine(line);
        }
    }

    private static void ShowSkipped(VerbContext context, Catalogue catalogue, string name, string? version, CancellationToken cancellationToken)
    {
        using Manifest manifest = catalogue.OpenManifest(name, catalogue.Resolve(name, version));
        long shown = 0;
        foreach (SkippedName skipped in manifest.SkippedNames())
        {
            cancellationToken.ThrowIfCancellationRequested();
            shown++;
            context.Terminal.WriteLine(context.Json
                ? JsonText.Write(
                    writer =>
                    {
                        writer.WriteStartObject();
                        writer.WriteString("path", skipped.DisplayPath);
                        writer.WriteString("reason", skipped.Explanation);
                        writer.WriteEndObject();
                    },
                    isLine: true)
                : $"{skipped.DisplayPath}\t{skipped.Explanation}");
        }

        if (shown < manifest.Skipped)
        {
            context.Terminal.Note($"{DatasetSettings.Count(manifest.Skipped - shown)} more were counted but not written down.");
        }
    }
}
