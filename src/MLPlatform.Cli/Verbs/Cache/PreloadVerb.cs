using Microsoft.Extensions.Logging;
using MLPlatform.CacheWorker;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Listing;
using MLPlatform.Cli.Logs;
using MLPlatform.Cli.Options;
using MLPlatform.Cli.Preloading;
using MLPlatform.Cli.Targets;
using MLPlatform.Cli.Verbs.Datasets;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Cache;

internal sealed class PreloadVerb : CacheVerb
{
    private static readonly Setting<int> s_threads = new(
        "threads", "N", "Fetches at once; fewer while the store asks for fewer.", new PreloadOptions().Parallelism, static t => SettingKinds.ParseCount(t[0]) is > 0 and <= 1024 and int count ? count : throw new FormatException("must be from 1 to 1024"))
    {
        Group = "Preload options",
        DefaultText = new PreloadOptions().Parallelism.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    private static readonly Setting<bool> s_metadataOnly = new(
        "metadata-only", null, "List the source and keep the manifest; fetch no bytes.", false, static t => SettingKinds.ParseFlag(t[0])) { Group = "Preload options", IsPerCall = true };

    public override string Path => "preload";

    public override string Summary => "brings files into the cache before anybody reads them";

    public override string Description => """
        Fetches the files of TARGET, or those that PATH, --include, --exclude and --files-from select, into the cache of this machine. Of a mounted directory it takes source, version, store options and cache directories from the mount.

        What is in the cache already is not fetched again, so an interrupted or killed preload goes on where it was when it is run again.

        A file that cannot be fetched is listed at the end and does not stop the others. When the cache is full, the preload ends and says what did not fit.

        A path, a line of a list or an --include that names nothing is an error, and nothing is fetched then.
        """;

    public override IReadOnlyList<Setting> Settings => [s_threads, s_metadataOnly, .. base.Settings];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("A dataset", "mlp preload imagenet"),
        new("Part of what is mounted", "mlp preload /mnt/data train/n01440764 train/n01443537"),
        new("By patterns", "mlp preload imagenet --include 'train/**/*.JPEG' --exclude 'n02*'"),
        new("From a list", "shuf -n 10000 files.txt | mlp preload imagenet --files-from -"),
        new("Only the names", "mlp preload --metadata-only s3://bucket/prefix"),
    ];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } =
    [
        (ExitCodes.DoneInPart, "some files could not be fetched, or the cache is full; they are listed"),
        (ExitCodes.Interrupted, "interrupted; what came is kept, and the command to go on is printed"),
    ];

    public override IReadOnlyList<string> SeeAlso => ["evict", "pin", "info", "stats", "mount"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken) =>
        context.Get(s_metadataOnly) ? ListAsync(context, cancellationToken) : base.RunAsync(context, cancellationToken);

    protected override async Task<int> RunAsync(CacheWork work, CancellationToken cancellationToken)
    {
        using Preloader preloader = new(work.Cache, work.Tree, work.Selection, new PreloadOptions { Parallelism = work.Context.Get(s_threads) });
        return PreloadReport.Show(work.Context, await PreloadDisplay.RunAsync(work.Context, preloader, cancellationToken));
    }

    private static async Task<int> ListAsync(VerbContext context, CancellationToken cancellationToken)
    {
        if (SelectionSettings.IsGiven(context))
        {
            throw new CacheException(CacheError.Configuration, "--metadata-only lists the whole source; leave paths and patterns out.");
        }

        context.ResumeCommand = () => "mlp " + string.Join(' ', context.Arguments.Select(Mounting.MountPointCheck.Quote));
        using ILoggerFactory loggers = LogFactory.CreateForVerb(context.Values);
        Target target = await Target.ResolveAsync(context, cancellationToken);
        Catalogue catalogue = CatalogueSettings.Open(target.Values, loggers);
        SourceReference source = SourceReference.Parse(target.Source, catalogue, Environment.CurrentDirectory);
        if (source.Dataset is { } name)
        {
            SyncReport.Show(context, await ListingDisplay.RunAsync(context.Terminal, progress => catalogue.SyncAsync(name, new DatasetBuildOptions { Store = StoreSettings.From(target.Values), Progress = progress }, cancellationToken)));
            return ExitCodes.Done;
        }

        MemoryBudget budget = new(context.Get(MountSettings.Memory));
        await using MountedDataset listed = await ListingDisplay.RunAsync(context.Terminal, progress => (target with { Version = null }).OpenAsync(budget, progress, loggers, cancellationToken));
        TreeStatus status = listed.Status;
        context.Terminal.WriteLine(context.Json
            ? JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("source", status.Dataset);
                json.WriteString("version", status.Version);
                json.WriteNumber("files", status.Files);
                json.WriteNumber("bytes", status.Bytes);
                json.WriteEndObject();
            })
            : $"{status.Dataset}: {DatasetSettings.Files(status.Files)}, {DatasetSettings.Bytes(status.Bytes)}");
        return ExitCodes.Done;
    }
}
