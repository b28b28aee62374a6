using MLPlatform.CacheWorker;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Verbs.Datasets;

namespace MLPlatform.Cli.Preloading;

/// <summary>Tells what a preload came to.</summary>
internal static class PreloadReport
{
    /// <returns>The exit code.</returns>
    public static int Show(VerbContext context, PreloadResult result)
    {
        PreloadStatus status = result.Status;
        if (context.Json)
        {
            ShowJson(context.Terminal, result);
        }
        else if (result.IsComplete && !context.Terminal.IsQuiet)
        {
            context.Terminal.WriteLine($"{DatasetSettings.Files(status.Files)}, {DatasetSettings.Bytes(status.Bytes)}: {Parts(status)}");
        }

        foreach (PreloadFailure failure in result.Failures)
        {
            context.Terminal.Fail($"{failure.Path}: {failure.Reason}");
        }

        if (status.FailedFiles > result.Failures.Count)
        {
            context.Terminal.Fail($"and {DatasetSettings.Count(status.FailedFiles - result.Failures.Count)} more.");
        }

        if (result.Stopped is { } why)
        {
            context.Terminal.Fail($"{why}; {Parts(status)}, {DatasetSettings.Files(status.Files - status.DoneFiles)} of {DatasetSettings.Bytes(Math.Max(0, status.Bytes - status.HereBytes - status.FetchedBytes))} are not in the cache.");
        }

        return result.IsComplete ? ExitCodes.Done : ExitCodes.DoneInPart;
    }

    private static string Parts(PreloadStatus status)
    {
        List<string> parts = [$"{DatasetSettings.Count(status.FetchedFiles)} fetched ({DatasetSettings.Bytes(status.FetchedBytes)})", $"{DatasetSettings.Count(status.HereFiles)} were there"];
        if (status.UncachedFiles > 0)
        {
            parts.Add($"{DatasetSettings.Count(status.UncachedFiles)} are never cached");
        }

        if (status.FailedFiles > 0)
        {
            parts.Add($"{DatasetSettings.Count(status.FailedFiles)} failed");
        }

        return string.Join(", ", parts);
    }

    private static void ShowJson(Terminal terminal, PreloadResult result)
    {
        foreach (PreloadFailure failure in result.Failures)
        {
            terminal.WriteLine(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("path", failure.Path);
                json.WriteString("error", failure.Reason);
                json.WriteEndObject();
            }, isLine: true));
        }

        terminal.WriteLine(JsonText.Write(json =>
        {
            json.WriteStartObject();
            new PreloadWords(TimeProvider.System).Write(json, result.Status, isDone: true);
            json.WriteBoolean("complete", result.IsComplete);
            json.WriteString("stopped", result.Stopped);
            json.WriteEndObject();
        }, isLine: true));
    }
}
