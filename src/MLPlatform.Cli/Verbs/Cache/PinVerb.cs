using MLPlatform.CacheWorker;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Preloading;

namespace MLPlatform.Cli.Verbs.Cache;

internal sealed class PinVerb : CacheVerb
{
    public override string Path => "pin";

    public override string Summary => "brings files into the cache and keeps them there";

    public override string Description => """
        Fetches what is missing of the selected files, as 'mlp preload' does, and marks them: a pinned file never leaves to make room for others and is not dropped by 'mlp evict'. Pins survive restarts, crashes and kills.

        A pin is about a file as it is in this version; another version of it is another file. A pinned copy that the disk damages is dropped all the same, and fetched again without a pin.
        """;

    public override IReadOnlyList<Example> Examples { get; } = [new("The validation set", "mlp pin imagenet val"), new("What a mount shows of one directory", "mlp pin /mnt/data val")];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } = [(ExitCodes.DoneInPart, "some files could not be fetched or have no room; they are listed"), (ExitCodes.Interrupted, "interrupted; what came is kept and pinned")];

    public override IReadOnlyList<string> SeeAlso => ["unpin", "preload", "evict"];

    protected override async Task<int> RunAsync(CacheWork work, CancellationToken cancellationToken)
    {
        using Preloader preloader = new(work.Cache, work.Tree, work.Selection, new PreloadOptions { Pin = true });
        try
        {
            return PreloadReport.Show(work.Context, await PreloadDisplay.RunAsync(work.Context, preloader, cancellationToken));
        }
        finally
        {
            await work.Cache.FlushAsync(CancellationToken.None);
        }
    }
}
