using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Logs;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Verbs;

internal sealed class MountVerb(MountStarter starter) : Verb
{
    public override string Path => "mount";

    public override string Summary => "shows a source as a read-only file system on a directory";

    public override string Description => """
        Mounts SOURCE on DIR. The mount runs in the background, and the command returns 0 only after DIR has answered a listing; else one sentence says why not and nothing stays mounted. With -f it stays in the foreground.

        A dataset's name shows its current version, and that version only, until it is unmounted (--follow moves on). Any other source is listed in the background: its names are there at once, and from the moment the listing is complete the mount is pinned to that version. DIR/.mlp/version tells which.

        DIR/.mlp holds control files: stats, accesslog, config, version and where/PATH. It is not listed.

        For fstab, link the program to /sbin/mount.fuse.mlp and write a line of type fuse.mlp. The link is called by mount(8) as 'mount.fuse.mlp SOURCE DIR -o OPTS'.

        A directory where the server of an earlier mount was killed is cleared and used.
        """;

    public override IReadOnlyList<Operand> Operands { get; } =
    [
        new("SOURCE", "s3://bucket[/prefix], file:///path, a plain path, or the name of a dataset; NAME@sha256:… (or the first digits) for a version.", CompletionKind.Source),
        new("DIR", "An empty directory.", CompletionKind.Directory),
    ];

    public override IReadOnlyList<Setting> Settings { get; } = [.. MountSettings.All, .. CacheSettings.All, .. StoreSettings.All, .. CatalogueSettings.All, .. LogSettings.All];

    public override IReadOnlyList<Setting> SilentSettings { get; } = [MountSettings.Sloppy, MountSettings.Fake];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("A public bucket", "mlp mount --anonymous s3://bucket/prefix /mnt/data"),
        new("A bucket of another S3 server, for all users", "mlp mount --endpoint-url https://s3.example.org --allow-other s3://bucket /mnt/data"),
        new("A version of a dataset, in the foreground", "mlp mount -f imagenet@sha256:4f2a /mnt/imagenet"),
        new("At boot", "ln -s \"$(command -v mlp)\" /sbin/mount.fuse.mlp\necho 's3://bucket/prefix /mnt/data fuse.mlp _netdev,nofail,allow_other,region=eu-central-1 0 0' >> /etc/fstab\nmount /mnt/data"),
    ];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } =
    [
        (ExitCodes.Done, "mounted and answering; with -f: unmounted, also by Ctrl-C or SIGTERM"),
        (ExitCodes.Interrupted, "interrupted while starting; nothing is mounted"),
    ];

    public override IReadOnlyList<string> SeeAlso => ["umount", "dataset add", "info", "stats", "doctor", "mount(8)", "fstab(5)"];

    public override void Expand(IDictionary<Setting, IReadOnlyList<string>> given)
    {
        if (!given.Remove(MountSettings.FstabOptions, out IReadOnlyList<string>? lists))
        {
            return;
        }

        IEnumerable<Setting> known = Settings.Except([MountSettings.FstabOptions, MountSettings.Foreground]).Append(OutputSettings.Config);
        foreach ((Setting setting, IReadOnlyList<string> texts) in FstabOptions.Parse(lists, known, given.ContainsKey(MountSettings.Sloppy)))
        {
            given.TryAdd(setting, texts); // A long option says it more plainly and wins.
        }
    }

    public override async Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        using ReadinessReport? report = ReadinessReport.FromEnvironment();
        MountOptions options = MountOptions.From(context.Values, context.Operands[0], context.Operands[1]);
        if (context.Get(MountSettings.Fake))
        {
            return ExitCodes.Done;
        }

        string? logPath = context.Get(LogSettings.File) is { } file ? System.IO.Path.GetFullPath(file) : null;
        if (report is null && !context.Get(MountSettings.Foreground))
        {
            return new MountLauncher(options, context.Terminal).Start(context.Arguments, logPath ?? DefaultLog(options.Directory), cancellationToken);
        }

        logPath ??= report is null ? null : DefaultLog(options.Directory);
        using ILoggerFactory loggers = LogFactory.Create(context.Values, logPath, isBackground: report is not null);
        return await new MountServer(options, starter, loggers, logPath, report, ConfigShowVerb.Text(context.Values), context.Terminal).RunAsync(context.Interrupts);
    }

    private static string DefaultLog(string directory) => System.IO.Path.Combine(MachinePaths.LogDirectory, RunRegistry.NameFor(directory) + ".log");
}
