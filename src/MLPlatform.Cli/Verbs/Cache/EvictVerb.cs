using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Verbs.Datasets;

namespace MLPlatform.Cli.Verbs.Cache;

internal sealed class EvictVerb : CacheVerb
{
    public override string Path => "evict";

    public override string Summary => "drops what is cached";

    public override string Description => """
        Drops what is cached of TARGET, or of the files that are selected, and tells how much that was. Without a PATH, a pattern or a version, the bytes of older versions go as well.

        Pinned files stay until 'mlp unpin'. Bytes that a process reads from a passed-through file stay on disk until it closes the file.
        """;

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("A whole dataset", "mlp evict imagenet"),
        new("One directory of a mount", "mlp evict /mnt/data val"),
    ];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } = [(ExitCodes.DoneInPart, "pinned files stayed")];

    public override IReadOnlyList<string> SeeAlso => ["preload", "unpin", "info"];

    protected override async Task<int> RunAsync(CacheWork work, CancellationToken cancellationToken)
    {
        long files = 0;
        long bytes = 0;
        long pinned = 0;
        await Task.Run(
            () =>
            {
                foreach (long row in work.Selection.Rows())
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    long gone = work.Cache.Evict(work.Tree.FileOf(row), out bool isPinned);
                    bytes += gone;
                    files += gone > 0 ? 1 : 0;
                    pinned += isPinned ? 1 : 0;
                }

                bool isAll = work.Selection.IsEverything && work.Target.MountDirectory is null && !work.Target.Source.Contains("@sha256:", StringComparison.Ordinal);
                bytes += isAll ? work.Cache.EvictAll() : 0;
            },
            cancellationToken);
        await work.Cache.ReclaimAsync(cancellationToken);
        if (work.Context.Json)
        {
            work.Context.Terminal.WriteLine(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteNumber("evicted_files", files);
                json.WriteNumber("evicted_bytes", bytes);
                json.WriteNumber("pinned_files", pinned);
                json.WriteEndObject();
            }));
        }
        else if (!work.Context.Terminal.IsQuiet)
        {
            work.Context.Terminal.WriteLine($"{DatasetSettings.Files(files)}, {DatasetSettings.Bytes(bytes)} evicted");
        }

        if (pinned > 0)
        {
            work.Context.Terminal.Fail($"{DatasetSettings.Files(pinned)} stayed, pinned; 'mlp unpin' lets them go.");
        }

        return pinned > 0 ? ExitCodes.DoneInPart : ExitCodes.Done;
    }
}
