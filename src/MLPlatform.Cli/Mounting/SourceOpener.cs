using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Mounting;

/// <summary>Turns a SOURCE into a tree: a dataset's version from the catalogue, or a raw source live until it is listed.</summary>
internal static class SourceOpener
{
    public static async Task<MountedDataset> OpenAsync(MountOptions options, MemoryBudget budget, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        Catalogue catalogue = new(options.StateDirectory, TimeProvider.System, loggers);
        SourceReference source = SourceReference.Parse(options.Source, catalogue, Environment.CurrentDirectory);
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
            },
            cancellationToken);
    }
}
