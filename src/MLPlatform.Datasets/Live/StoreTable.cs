using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>The open stores of a dataset, and which of them a manifest means. Immutable; the stores are its owner's.</summary>
internal sealed class StoreTable(string dataset, IReadOnlyList<DatasetSource> sources, IReadOnlyList<IUnderStore> stores)
{
    public IReadOnlyList<IUnderStore> Stores => stores;

    public IReadOnlyList<TreeMount> Mounts => [.. sources.Zip(stores, static (source, store) => new TreeMount(System.Text.Encoding.UTF8.GetBytes(source.Path), store))];

    /// <summary>One store per mount of the manifest, in its order.</summary>
    /// <exception cref="CacheException"><c>Configuration</c>: the manifest was built from other stores.</exception>
    public IReadOnlyList<IUnderStore> For(Manifest manifest)
    {
        var found = new IUnderStore[manifest.Mounts.Count];
        for (int i = 0; i < found.Length; i++)
        {
            ManifestMount mount = manifest.Mounts[i];
            for (int j = 0; j < stores.Count && found[i] is null; j++)
            {
                if (sources[j].Path == mount.Path && stores[j].Uri == mount.Uri)
                {
                    found[i] = stores[j];
                }
            }

            if (found[i] is null)
            {
                throw new CacheException(CacheError.Configuration, $"Version {manifest.Digest.Short} of {dataset} was listed from {mount.Uri} at /{mount.Path}, which the dataset no longer has; run `mlp dataset sync {dataset}`.");
            }
        }

        return found;
    }
}
