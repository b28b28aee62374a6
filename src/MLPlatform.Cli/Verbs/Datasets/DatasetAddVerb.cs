using Microsoft.Win32.SafeHandles;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Listing;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Cli.Verbs.Datasets;

internal sealed class DatasetAddVerb : Verb
{
    private static readonly Setting<int> s_keep = new(
        "keep-versions", "N", "How many versions 'mlp dataset sync' leaves; mounted ones always stay.", DatasetDefinition.DefaultKeepVersions,
        static t => SettingKinds.ParseCount(t[0]) is > 0 and int count ? count : throw new FormatException("must be at least 1"))
    {
        Group = "Dataset options",
        DefaultText = DatasetDefinition.DefaultKeepVersions.ToString(),
    };

    private static readonly Setting<bool> s_noSync = new(
        "no-sync", null, "Only write the name down; 'mlp dataset sync' lists later.", false, static t => SettingKinds.ParseFlag(t[0]))
    {
        Group = "Dataset options",
        IsPerCall = true,
    };

    private static readonly Setting<string?> s_filesFrom = new(
        "files-from",
        "FILE",
        "Instead of listing SOURCE, take the files that FILE names ('-': standard input), one path below SOURCE a line; a directory stands for all below it. PATH, SIZE, ETAG and MTIME with tabs between them spare a request for each file of an s3:// source. 'mlp dataset sync' uses the same list again.",
        null,
        static t => t[0])
    {
        Group = "Dataset options",
        Completion = CompletionKind.File,
        IsPerCall = true,
    };

    private static readonly Setting<bool> s_null = new(
        "null", null, "Records of --files-from end with NUL instead of a line feed, as 'find -print0' writes them.", false, static t => SettingKinds.ParseFlag(t[0]))
    {
        Group = "Dataset options",
        IsPerCall = true,
    };

    private static readonly Setting<bool> s_indexTar = new(
        "index-tar",
        null,
        "Show the members of tar shards as files: NAME.tar appears as a directory of that name with what the tar holds below it. Links, devices and sparse members are left out and counted.",
        false,
        static t => SettingKinds.ParseFlag(t[0]))
    {
        Group = "Dataset options",
        IsPerCall = true,
    };

    public override string Path => "dataset add";

    public override string Summary => "names one or more sources and lists them into a first version";

    public override string Description => """
        Gives sources a NAME and lists them. The listing becomes an immutable version, named by its digest; mounts of NAME show exactly that version until 'mlp dataset sync' has made a newer one and they are mounted again, or follow.

        Several sources make one tree: SOURCE@/PATH appears at PATH. Options for the store are remembered; credentials only by reference.

        With --files-from the dataset is made of the files that a list names. Those that SOURCE lacks are reported by name, and then nothing is added; names that come twice are taken once.

        With --index-tar the headers of all objects whose names end in .tar are read once, and a sync reads those of new and changed ones; reading a member is then a ranged read of its shard. Members look like their shard: its owner and mode, and gone when it is replaced.

        An interrupted listing is kept and goes on with 'mlp dataset sync NAME'.
        """;

    public override IReadOnlyList<Operand> Operands { get; } =
    [
        new("NAME", "Lower-case letters, digits, '-', '_' and '.'."),
        new("SOURCE[@/PATH]", "s3://bucket[/prefix], file:///path or a plain path, and where it appears in the tree (the root without @/PATH).", CompletionKind.Directory) { IsRepeatable = true },
    ];

    public override IReadOnlyList<Setting> Settings { get; } = [s_filesFrom, s_null, s_indexTar, s_noSync, s_keep, .. DatasetSettings.Listing];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("Name a prefix", "mlp dataset add imagenet s3://bucket/imagenet"),
        new("Two stores in one tree", "mlp dataset add speech s3://audio/en@/audio file:///nfs/labels@/labels"),
        new("Only some files", "grep '^train/' files.txt | mlp dataset add train s3://bucket/imagenet --files-from -"),
        new("Samples of WebDataset shards as files", "mlp dataset add laion s3://bucket/shards --index-tar && mlp mount laion /mnt/laion && ls /mnt/laion/00000.tar"),
        new("Name it and mount it", "mlp dataset add cats --anonymous s3://public/cats && mlp mount cats /mnt/cats"),
    ];

    public override IReadOnlyList<string> SeeAlso => ["dataset sync", "dataset show", "mount"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken) => DatasetSettings.RunAsync(context, async catalogue =>
    {
        string name = context.Operands[0];
        UnderStoreOptions store = StoreSettings.From(context.Values);
        StoreReference reference = StoreReference.From(store);
        DatasetDefinition definition = new()
        {
            Name = name,
            Sources = [.. context.Operands.Skip(1).Select(text => DatasetSource.Parse(text, reference, Environment.CurrentDirectory))],
            KeepVersions = context.Get(s_keep),
            IndexTar = context.Get(s_indexTar),
        };

        // Before the name is written there is nothing to go on with but the command itself.
        context.ResumeCommand = () => catalogue.Contains(name) ? $"mlp dataset sync {name}" : "mlp " + string.Join(' ', context.Arguments.Select(MountPointCheck.Quote));
        MissingFiles missing = new();
        await using Stream? list = OpenList(context);
        FileListInput? files = list is null ? null : new FileListInput(list, context.Get(s_null), context.Get(s_filesFrom) is "-" ? "standard input" : context.Get(s_filesFrom)!);
        DatasetSyncResult? result;
        try
        {
            result = await ListingDisplay.RunAsync(
                context.Terminal,
                progress => catalogue.AddAsync(definition, files, list: !context.Get(s_noSync), DatasetSettings.BuildOptions(context, progress) with { Missing = missing }, cancellationToken));
        }
        catch (CacheException) when (missing.Count > 0)
        {
            DatasetSettings.ShowMissing(context, missing);
            throw;
        }

        if (result is not null)
        {
            SyncReport.Show(context, result);
        }
        else if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("dataset", name);
                writer.WriteNull("version");
                writer.WriteEndObject();
            }));
        }
        else
        {
            context.Terminal.Note($"{name} has no version yet; list it with: mlp dataset sync {name}");
        }

        return ExitCodes.Done;
    });

    private static FileStream? OpenList(VerbContext context)
    {
        string? path = context.Get(s_filesFrom);
        if (path is null && context.Get(s_null))
        {
            throw new CacheException(CacheError.Configuration, "--null says how the records of a file list end; give --files-from FILE with it.");
        }

        const int StandardInput = 0;
        try
        {
            return path switch
            {
                null => null,
                "-" => new FileStream(new SafeFileHandle(StandardInput, ownsHandle: false), FileAccess.Read, bufferSize: 0),
                _ => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheException(CacheError.Configuration, $"The file list {path} cannot be read: {(e is UnauthorizedAccessException ? "permission denied, or it is a directory" : e.Message.TrimEnd('.'))}.", e);
        }
    }
}
