using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Verbs.Datasets;

namespace MLPlatform.Cli.Verbs.Cache;

internal sealed class UnpinVerb : CacheVerb
{
    public override string Path => "unpin";

    public override string Summary => "lets pinned files leave the cache again";

    public override string Description => "Takes the marks of 'mlp pin' away. The bytes stay until room is needed or 'mlp evict' drops them.";

    public override IReadOnlyList<Example> Examples { get; } = [new("Everything of a dataset", "mlp unpin imagenet")];

    public override IReadOnlyList<string> SeeAlso => ["pin", "evict"];

    protected override async Task<int> RunAsync(CacheWork work, CancellationToken cancellationToken)
    {
        long files = 0;
        await Task.Run(
            () =>
            {
                foreach (long row in work.Selection.Rows())
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    files += work.Cache.SetPinned(work.Tree.FileOf(row), isPinned: false) ? 1 : 0;
                }
            },
            cancellationToken);
        await work.Cache.FlushAsync(cancellationToken);
        if (work.Context.Json)
        {
            work.Context.Terminal.WriteLine(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteNumber("unpinned_files", files);
                json.WriteEndObject();
            }));
        }
        else if (!work.Context.Terminal.IsQuiet)
        {
            work.Context.Terminal.WriteLine($"{DatasetSettings.Files(files)} unpinned");
        }

        return ExitCodes.Done;
    }
}
