using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Manifests;

/// <summary>A temporary folder to build manifests in.</summary>
internal sealed class ManifestFolder : IDisposable
{
    // In memory where there is such a place: hundreds of builds, each of which waits for its disk, would measure the disk.
    private readonly string _root = Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"mlp-manifest-{Guid.NewGuid():N}")).FullName;
    private int _builds;

    public static IReadOnlyList<ManifestMount> OneMount { get; } = [new ManifestMount("", "s3://bucket/data")];

    public string Versions => Path.Combine(_root, "versions");

    public string Work(string name) => Path.Combine(_root, name);

    public ManifestBuilderOptions Options(IReadOnlyList<ManifestMount>? mounts = null, Manifest? previous = null) => new()
    {
        DatasetName = "birds",
        Mounts = mounts ?? OneMount,
        WorkDirectory = Work($"work-{_builds++}"),
        Previous = previous,
    };

    public async Task<ManifestBuildResult> BuildAsync(IEnumerable<StoreEntry> entries, ManifestBuilderOptions? options = null, int batch = 1000) =>
        await BuildAsync(entries.Select(e => (0, e)), options, batch);

    public async Task<ManifestBuildResult> BuildAsync(IEnumerable<(int Mount, StoreEntry Entry)> entries, ManifestBuilderOptions? options = null, int batch = 1000)
    {
        await using ManifestBuilder builder = ManifestBuilder.Open(options ?? Options());
        foreach ((int Mount, StoreEntry Entry)[] part in entries.Chunk(batch))
        {
            foreach (IGrouping<int, (int Mount, StoreEntry Entry)> mount in part.GroupBy(e => e.Mount))
            {
                await builder.AddAsync(mount.Key, [.. mount.Select(e => e.Entry)], CancellationToken.None);
            }
        }

        return await builder.FinishAsync(Versions, CancellationToken.None);
    }

    public async Task<Manifest> OpenAsync(IEnumerable<StoreEntry> entries, ManifestBuilderOptions? options = null) =>
        Manifest.Open((await BuildAsync(entries, options)).Path);

    public static StoreEntry FileEntry(string path, long size = 10, string etag = "0123456789abcdef0123456789abcdef", long mtime = 1_700_000_000_000_000_000) => new()
    {
        Path = Encoding.UTF8.GetBytes(path),
        Kind = StoreEntryKind.File,
        Size = size,
        MtimeNanoseconds = mtime,
        Identity = ObjectIdentity.FromETag(etag),
    };

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
