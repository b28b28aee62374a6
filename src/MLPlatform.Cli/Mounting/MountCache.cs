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
        if (options.Cache is null || IsLocal(source))
        {
            return null;
        }

        try
        {
            return Open(options.Cache, options.CacheQuotaBytes, source.Status.Dataset, pool, loggers);
        }
        catch (CacheException e)
        {
            MountLog.NoCache(loggers.CreateLogger("mlp.mount"), e.Message);
            return null;
        }
    }

    /// <summary>A local disk is its own cache.</summary>
    public static bool IsLocal(MountedDataset source) => source.Stores.All(static store => store.Uri.StartsWith("file://", StringComparison.Ordinal));

    /// <param name="dataset">As the mount calls it.</param>
    /// <exception cref="CacheException"><c>Busy</c>: another process has the directory; <c>DeviceFailed</c>.</exception>
    public static MountCache Open(CacheOptions options, long? quotaBytes, string dataset, BlockPool pool, ILoggerFactory loggers)
    {
        DiskTier tier = DiskTier.Open(options, pool.Budget, loggers, TimeProvider.System);
        return new MountCache(tier, new CachedDataset(tier, dataset, quotaBytes, pool));
    }

    public async ValueTask DisposeAsync()
    {
        Dataset.Dispose();
        await _tier.DisposeAsync();
    }
}
