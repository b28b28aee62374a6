using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Cli.Mounting;

/// <summary>A tree with the stores that its bytes come from. Disposing it closes both, the tree first.</summary>
/// <param name="Name">What mount(8) and df(1) show as the device.</param>
internal sealed record OpenedSource(string Name, IDatasetTree Tree, IReadOnlyList<IUnderStore> Stores) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        if (Tree is IAsyncDisposable tree)
        {
            await tree.DisposeAsync();
        }

        foreach (IUnderStore store in Stores)
        {
            await store.DisposeAsync();
        }
    }
}
