using MLPlatform.Cli.Listing;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Mounting;

/// <summary>Turns a SOURCE into a tree: a dataset's version from the catalogue, or a raw source live until it is listed.</summary>
internal static class SourceOpener
{
    public static async Task<MountedDataset> OpenAsync(MountOptions options, MountRequestContext context, MemoryBudget budget, CancellationToken cancellationToken)
    {
        Catalogue catalogue = new(options.StateDirectory, TimeProvider.System, context.Loggers);
        SourceReference source = SourceReference.Parse(options.Source, catalogue, Environment.CurrentDirectory);
        if (source.Note is not null)
        {
            context.Progress(source.Note);
        }

        return await new DatasetOpener(catalogue).OpenAsync(
            source,
            new DatasetOpenOptions
            {
                Follow = options.Follow,
                Live = options.Live,
                Version = options.Version,
                Wait = options.Wait,
                LiveTree = new LiveTreeOptions { MetadataTtl = options.MetadataTtl },
                Store = options.Store,
                Directory = options.Directory,
                Budget = budget,

                // A listing in the background is nobody's start to wait for.
                Progress = options.Wait ? new ListingWords(context.Progress, TimeProvider.System) : null,
            },
            cancellationToken);
    }
}
