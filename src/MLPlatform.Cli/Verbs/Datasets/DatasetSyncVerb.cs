using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Listing;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Datasets;

internal sealed class DatasetSyncVerb : Verb
{
    public override string Path => "dataset sync";

    public override string Summary => "lists a dataset again and makes what is there now its current version";

    public override string Description => """
        Lists the sources of NAME. When something was added, changed or removed, a new version becomes the current one; mounts that follow move on to it, all others keep theirs. Unchanged files keep their inode numbers and so their cached pages.

        A dataset made by --files-from is looked up anew, name by name of the list that was kept; what its columns say is believed again.

        An interrupted or killed listing goes on where it was when the command is run again within a day.
        """;

    public override IReadOnlyList<Operand> Operands { get; } = [DatasetSettings.Name];

    public override IReadOnlyList<Setting> Settings { get; } = DatasetSettings.Listing;

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("See what is new", "mlp dataset sync imagenet"),
        new("Every night", "17 3 * * * mlp dataset sync imagenet --quiet"),
    ];

    public override IReadOnlyList<string> SeeAlso => ["dataset versions", "dataset show", "mount"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken) => DatasetSettings.RunAsync(context, async catalogue =>
    {
        string name = context.Operands[0];
        context.ResumeCommand = () => $"mlp dataset sync {name}";
        MissingFiles missing = new();
        try
        {
            DatasetSyncResult result = await ListingDisplay.RunAsync(context.Terminal, progress => catalogue.SyncAsync(name, DatasetSettings.BuildOptions(context, progress) with { Missing = missing }, cancellationToken));
            SyncReport.Show(context, result);
            return ExitCodes.Done;
        }
        catch (CacheException) when (missing.Count > 0)
        {
            DatasetSettings.ShowMissing(context, missing);
            throw;
        }
    });
}
