using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Lists a raw source while it is mounted live, and pins the tree to what it found. One task; it tries again until it succeeds or the mount ends.</summary>
internal sealed class BackgroundListing(Catalogue catalogue, SourceFolder source, SwitchingTree tree, StoreTable stores, LiveInodes inodes, Manifest? previous, DatasetBuildOptions options, MountRegistration registration)
{
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromSeconds(1);

    // A store that is down for an hour is asked sixty times.
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromMinutes(1);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        TimeSpan delay = s_firstDelay;
        while (true)
        {
            try
            {
                await ListAsync(cancellationToken);
                return;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) // Also a bug of ours must leave the mount alive and be seen.
            {
                CatalogueLog.ListingFailed(catalogue.Logger, source.Uri, delay, e is CacheException ? e.Message : e.ToString());
                tree.SetProblem(e.Message);
                if (tree.Manifest is not null)
                {
                    return; // It is pinned; what failed was telling so.
                }
            }

            try
            {
                await Task.Delay(delay, catalogue.Time, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            delay = delay * 2 < s_longestDelay ? delay * 2 : s_longestDelay;
        }
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        Manifest manifest = await source.ListAsync(catalogue, previous, inodes, options, cancellationToken);
        try
        {
            registration.Update(manifest.Digest);
            CatalogueLog.Pinned(catalogue.Logger, source.Uri, manifest.Digest.ToString(), manifest.Files);
            tree.Pin(new ManifestTree(manifest, stores.For(manifest)));
        }
        catch
        {
            if (tree.Manifest != manifest)
            {
                manifest.Dispose();
            }

            throw;
        }
    }
}
