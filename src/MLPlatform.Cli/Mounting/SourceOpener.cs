using Microsoft.Extensions.Logging;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Cli.Mounting;

/// <summary>Turns a SOURCE into a tree: a live one from its store.</summary>
internal static class SourceOpener
{
    public static async Task<OpenedSource> OpenAsync(MountOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        IUnderStore store = UnderStoreFactory.Open(options.Source, options.Store, TimeProvider.System, loggers);
        try
        {
            await store.CheckAsync(cancellationToken);
            LiveTree tree = new(store.Uri, [new TreeMount([], store)], new MountInodeNumbers(), new LiveTreeOptions { MetadataTtl = options.MetadataTtl }, TimeProvider.System);
            return new OpenedSource(store.Uri, tree, [store]);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }
}
