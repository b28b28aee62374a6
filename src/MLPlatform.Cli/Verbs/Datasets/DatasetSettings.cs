using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Logs;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Datasets;

/// <summary>What the verbs of <c>mlp dataset</c> have in common.</summary>
internal static class DatasetSettings
{
    private const string Group = "Dataset options";

    public static readonly Setting<int> Parallel = new(
        "list-parallelism", "N", "Listing requests at once.", new DatasetBuildOptions().Parallelism, static t => SettingKinds.ParseCount(t[0]) is > 0 and int count ? count : throw new FormatException("must be at least 1"))
    {
        Group = Group,
        DefaultText = new DatasetBuildOptions().Parallelism.ToString(),
    };

    public static readonly Operand Name = new("NAME", "Of a dataset.", CompletionKind.Dataset);

    /// <summary>For verbs that only look.</summary>
    public static IReadOnlyList<Setting> Reading { get; } = [.. CatalogueSettings.All, .. LogSettings.All];

    /// <summary>For verbs that list stores.</summary>
    public static IReadOnlyList<Setting> Listing { get; } = [Parallel, .. CatalogueSettings.All, .. StoreSettings.All, .. LogSettings.All];

    /// <summary>Runs a verb's work with the catalogue. Its log goes to --log-file if one is given; without, warnings go to stderr and the rest nowhere: the results speak.</summary>
    public static async Task<int> RunAsync(VerbContext context, Func<Catalogue, Task<int>> work)
    {
        using ILoggerFactory loggers = LogFactory.CreateForVerb(context.Values);
        return await work(CatalogueSettings.Open(context.Values, loggers));
    }

    public static DatasetBuildOptions BuildOptions(VerbContext context, IProgress<ListProgress>? progress) => new()
    {
        Store = StoreSettings.From(context.Values),
        Parallelism = context.Get(Parallel),
        Progress = progress,
    };

    /// <summary>Names of a file list that its store does not have, a line each on stderr.</summary>
    public static void ShowMissing(VerbContext context, MissingFiles missing)
    {
        foreach ((long line, string path) in missing.Names)
        {
            context.Terminal.Fail($"missing, line {line}: {path}");
        }

        if (missing.Count > missing.Names.Count)
        {
            context.Terminal.Fail($"missing: {Count(missing.Count - missing.Names.Count)} more");
        }
    }

    /// <summary>Divides <c>NAME[@VERSION]</c>.</summary>
    public static (string Name, string? Version) NameAndVersion(string text)
    {
        int at = text.IndexOf('@', StringComparison.Ordinal);
        return at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
    }

    public static string Count(long count) => count.ToString("N0", System.Globalization.CultureInfo.InvariantCulture);

    public static string Files(long count) => count == 1 ? "1 file" : $"{Count(count)} files";

    public static string Bytes(long bytes) => ByteSize.Format(bytes);
}
