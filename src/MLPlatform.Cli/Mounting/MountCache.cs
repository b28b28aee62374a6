using Microsoft.Extensions.Logging;
using MLPlatform.CacheWorker;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tiers;

namespace MLPlatform.Cli.Mounting;

/// <summary>The cache of one mount: the tiers of this process, and the dataset in front of its stores.</summary>
internal sealed class MountCache : IAsyncDisposable
{
    private readonly DiskTier _tier;

    private MountCache(DiskTier tier, CachedDataset dataset)
    {
        _tier = tier;
        Dataset = dataset;
    }

    public CachedDataset Dataset { get; }

    /// <returns>Null: nothing is to be kept, or there is nothing worth keeping, or the directory cannot be used, which is logged.</returns>
    public static MountCache? Open(MountOptions options, MountedDataset source, BlockPool pool, ILoggerFactory loggers)
    {
        // A local disk is its own cache.
        if (options.Cache is null || source.Stores.All(static store => store.Uri.StartsWith("file://", StringComparison.Ordinal)))
        {
            return null;
        }

        try
        {
            DiskTier tier = DiskTier.Open(options.Cache, pool.Budget, loggers, TimeProvider.System);
            return new MountCache(tier, new CachedDataset(tier, source.Status.Dataset, options.CacheQuotaBytes, pool, loggers.CreateLogger<CachedDataset>()));
        }
        catch (CacheException e)
        {
            MountLog.NoCache(loggers.CreateLogger("mlp.mount"), e.Message);
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Dataset.Dispose();
        await _tier.DisposeAsync();
    }
}
