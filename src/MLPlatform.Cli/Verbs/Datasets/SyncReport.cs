using MLPlatform.Cli.Framework;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Datasets;

/// <summary>Tells what a listing came to.</summary>
internal static class SyncReport
{
    public static void Show(VerbContext context, DatasetSyncResult result)
    {
        if (context.Json)
        {
            context.Terminal.WriteLine(Json(result));
            return;
        }

        Terminal terminal = context.Terminal;
        if (result.Previous is null)
        {
            terminal.WriteLine($"{result.Dataset}@{result.Version.Short}: {DatasetSettings.Files(result.Files)}, {DatasetSettings.Bytes(result.Bytes)}");
        }
        else if (result.IsNewVersion)
        {
            terminal.WriteLine(
                $"{result.Dataset}@{result.Version.Short}: {DatasetSettings.Count(result.Added)} added, {DatasetSettings.Count(result.Changed)} changed, {DatasetSettings.Count(result.Removed)} removed, "
                + $"{DatasetSettings.Count(result.Unchanged)} unchanged; now {DatasetSettings.Files(result.Files)}, {DatasetSettings.Bytes(result.Bytes)}");
        }
        else
        {
            terminal.WriteLine($"{result.Dataset}@{result.Version.Short}: unchanged, {DatasetSettings.Files(result.Files)}, {DatasetSettings.Bytes(result.Bytes)}");
        }

        if (result.Pruned.Count > 0)
        {
            terminal.Note($"deleted {(result.Pruned.Count == 1 ? "one old version" : $"{result.Pruned.Count} old versions")}.");
        }

        if (result.Skipped > 0)
        {
            terminal.Note($"{DatasetSettings.Count(result.Skipped)} names cannot be shown as files; list them with: mlp dataset show {result.Dataset} --skipped");
        }
    }

    private static string Json(DatasetSyncResult result) => JsonText.Write(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("dataset", result.Dataset);
        writer.WriteString("version", result.Version.ToString());
        writer.WriteString("previous", result.Previous?.ToString());
        writer.WriteBoolean("new", result.IsNewVersion);
        writer.WriteNumber("added", result.Added);
        writer.WriteNumber("changed", result.Changed);
        writer.WriteNumber("removed", result.Removed);
        writer.WriteNumber("unchanged", result.Unchanged);
        writer.WriteNumber("new_bytes", result.NewBytes);
        writer.WriteNumber("files", result.Files);
        writer.WriteNumber("directories", result.Directories);
        writer.WriteNumber("bytes", result.Bytes);
        writer.WriteNumber("skipped", result.Skipped);
        writer.WriteStartArray("pruned");
        foreach (DatasetVersionId version in result.Pruned)
        {
            writer.WriteStringValue(version.ToString());
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    });
}
