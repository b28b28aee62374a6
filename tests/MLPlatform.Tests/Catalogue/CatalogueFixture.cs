using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tests.Live;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Catalogues;

/// <summary>A catalogue in a temporary directory over stores in memory.</summary>
internal sealed class CatalogueFixture : IDisposable
{
    private readonly Dictionary<string, MemoryStore> _stores = new(StringComparer.Ordinal);

    public CatalogueFixture(TimeProvider? time = null)
    {
        Time = time ?? TimeProvider.System;
        Root = Directory.CreateTempSubdirectory("mlp-catalogue-").FullName;
        Catalogue = Open();
    }

    public string Root { get; }

    public TimeProvider Time { get; }

    public Catalogue Catalogue { get; }

    public DatasetOpener Opener => new(Catalogue);

    /// <summary>The options that the last opened store got.</summary>
    public UnderStoreOptions? LastOptions { get; private set; }

    public MemoryStore Store(string uri = "s3://b/x")
    {
        if (!_stores.TryGetValue(uri, out MemoryStore? store))
        {
            store = new MemoryStore(uri);
            _stores.Add(uri, store);
        }

        return store;
    }

    public Catalogue Open(IFileOperations? files = null) => new(
        Root,
        files ?? FileOperations.Instance,
        (uri, options) =>
        {
            LastOptions = options;
            return _stores.GetValueOrDefault(uri) ?? throw new CacheException(CacheError.Configuration, $"{uri} cannot be opened.");
        },
        Time,
        NullLoggerFactory.Instance);

    public static DatasetDefinition Define(string name, params string[] sources) => new()
    {
        Name = name,
        Sources = [.. (sources.Length == 0 ? ["s3://b/x"] : sources).Select(source => DatasetSource.Parse(source, new StoreReference(), "/"))],
    };

    public async Task<DatasetSyncResult> AddAsync(string name, params string[] sources) =>
        (await Catalogue.AddAsync(Define(name, sources), list: true, new DatasetBuildOptions(), default))!;

    public Task<DatasetSyncResult> SyncAsync(string name) => Catalogue.SyncAsync(name, new DatasetBuildOptions(), default);

    public SourceReference Parse(string text) => SourceReference.Parse(text, Catalogue, Root);

    public void Dispose() => Directory.Delete(Root, true);
}
