using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Cache;

/// <summary>How the verbs of the cache are told which files they are about.</summary>
internal static class SelectionSettings
{
    private const string Group = "Which files";

    public static readonly Operand Target = new("TARGET", "A mounted directory, or a source as for 'mlp mount': the name of a dataset, NAME@sha256:…, a URI.", CompletionKind.Source);

    public static readonly Operand Paths = new("PATH", "Files or directories of the dataset, relative to its root, or absolute below the mounted directory.", CompletionKind.File) { IsOptional = true, IsRepeatable = true };

    public static readonly Setting<IReadOnlyList<PathGlob>> Include = Globs("include", "Only files that the pattern matches; may be repeated. * and ? stay within a name, ** crosses directories, […] is a set; without a slash it is about names anywhere. A matching directory stands for everything below it.");

    public static readonly Setting<IReadOnlyList<PathGlob>> Exclude = Globs("exclude", "Not the files that the pattern matches; wins over --include.");

    public static readonly Setting<string?> FilesFrom = new("files-from", "FILE", "Also the paths that a file lists, one a line; - reads standard input.", null, static t => t[0])
    {
        Group = Group,
        IsPerCall = true,
        Completion = CompletionKind.File,
    };

    public static readonly Setting<bool> Null = new("null", null, "Records of --files-from end with NUL instead of a line feed, as 'find -print0' writes them.", false, static t => SettingKinds.ParseFlag(t[0]))
    {
        Group = Group,
        IsPerCall = true,
    };

    public static IReadOnlyList<Setting> All { get; } = [Include, Exclude, FilesFrom, Null];

    /// <summary>True when something narrows the dataset down.</summary>
    public static bool IsGiven(VerbContext context) => context.Operands.Count > 1 || All.Any(context.Values.IsGiven);

    /// <exception cref="CacheException">A path, a line of a list or a pattern that names nothing.</exception>
    public static async Task<RowSelection> SelectAsync(VerbContext context, Targets.Target target, Manifest manifest, CancellationToken cancellationToken)
    {
        PathFilter filter = new(context.Get(Include), context.Get(Exclude));
        RowSelection selection = new(manifest, filter);
        SelectionPaths paths = new(target.Source, target.MountDirectory, target.Start);
        foreach (string path in context.Operands.Skip(1))
        {
            paths.Add(selection, System.Text.Encoding.UTF8.GetBytes(path), "");
        }

        if (context.Get(FilesFrom) is { } list)
        {
            bool isInput = list == "-";
            await using Stream content = isInput ? StandardInput() : File.OpenRead(list);
            await paths.AddListAsync(selection, new FileListInput(content, context.Get(Null), isInput ? "standard input" : list), cancellationToken);
        }
        else if (context.Operands.Count == 1 && target.Start.Length > 0)
        {
            paths.Add(selection, [], "");
        }

        await Task.Run(() => selection.Count(cancellationToken), cancellationToken);
        if (filter.Unmatched.FirstOrDefault() is { } pattern)
        {
            throw new CacheException(CacheError.NotFound, $"The pattern '{pattern.Text}' matches nothing in {target.Source}; patterns are relative to the dataset's root.");
        }

        return selection.Files > 0 ? selection : throw new CacheException(CacheError.NotFound, $"No file of {target.Source} is selected.");
    }

    private static Stream StandardInput() => Console.OpenStandardInput();

    private static Setting<IReadOnlyList<PathGlob>> Globs(string name, string description) => new(name, "GLOB", description, [], static t => [.. t.Select(Parse)], isRepeatable: true)
    {
        Group = Group,
        IsPerCall = true,
    };

    private static PathGlob Parse(string text)
    {
        try
        {
            return PathGlob.Parse(text);
        }
        catch (CacheException e)
        {
            throw new FormatException($"is no pattern: {e.Message.TrimEnd('.')}", e);
        }
    }
}
