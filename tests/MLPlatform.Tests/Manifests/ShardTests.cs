using System.Formats.Tar;
using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tests.UnderStore;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.Local;
using Xunit;

namespace MLPlatform.Tests.Manifests;

/// <summary>Tar shards in a directory of this machine, listed with their members into manifests.</summary>
public sealed class ShardTests : IDisposable
{
    private readonly ManifestFolder _folder = new();
    private readonly string _root;

    public ShardTests()
    {
        _root = _folder.Work("data");
        Directory.CreateDirectory(Path.Combine(_root, "train"));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Pax)]
    public async Task List_OfShards_ShowsTheirMembersAndReadsTheirBytes(TarEntryFormat format)
    {
        (string Name, byte[] Content)[] files = [.. Enumerable.Range(0, 300).Select(i => ($"{i % 7}/{i:d4}.jpg", Tars.Content(i, 50 + (i * 31))))];
        Put("train/a.tar", Tars.Of(format, files));
        Put("train/empty.tar", []);
        Put("train/plain.jpg", [1, 2, 3]);
        await using FileUnderStore store = Open();
        using Manifest manifest = await ListAsync(store);
        Assert.Equal((301L, 7 + 4L), (manifest.Files, manifest.Directories)); // The root, train, and a directory for each shard.
        foreach ((string name, byte[] content) in files)
        {
            Assert.True(manifest.TryFindPath(Encoding.UTF8.GetBytes("train/a.tar/" + name), out long row));
            StoreObject found = manifest.ObjectOf(row);
            Assert.Equal(("train/a.tar", true, new FileInfo(Path.Combine(_root, "train/a.tar")).Length), (found.DisplayPath, found.IsRange, found.ObjectSize));
            Assert.Equal(content, await ReadAsync(store, found, 0, content.Length));
            Assert.Equal(content[10..40], await ReadAsync(store, found, 10, 30));
            Assert.Null(store.OpenLocal(found));
        }

        Assert.True(manifest.TryFindPath("train/a.tar"u8, out long shard));
        manifest.GetEntry(shard, out TreeEntry entry);
        Assert.Equal((StoreEntryKind.Directory, files.Sum(static f => f.Content.Length)), (entry.Kind, entry.Size));
        Assert.Equal(0b101_101_101, entry.Mode & 0b101_101_101);
        Assert.True(manifest.TryFindPath("train/plain.jpg"u8, out long plain));
        Assert.False(manifest.ObjectOf(plain).IsRange);
        Assert.True(manifest.TryFindPath("train/empty.tar"u8, out long empty));
        Assert.Equal(0, manifest.TotalsOf(empty).Files);
    }

    [Fact]
    public async Task List_OfSmallAndLargeMembers_ReadsOnOrSkips()
    {
        Put("small.tar", Tars.Of(TarEntryFormat.Ustar, Enumerable.Range(0, 400).Select(i => ($"{i:d6}", new byte[100 << 10]))));
        await using FileUnderStore store = Open();
        using (Manifest manifest = await ListAsync(store))
        {
            Assert.Equal(400, manifest.Files);
        }

        // 40 MiB in pieces that grow to 8 MiB.
        Assert.InRange(store.Counters.Gets, 6, 14);
        long gets = store.Counters.Gets;
        long bytes = store.Counters.Bytes;
        File.Delete(Path.Combine(_root, "small.tar"));
        Put("large.tar", Tars.Of(TarEntryFormat.Pax, Enumerable.Range(0, 12).Select(i => ($"{i:d6}", new byte[5 << 20]))));
        using (Manifest manifest = await ListAsync(store))
        {
            Assert.Equal(12, manifest.Files);
        }

        Assert.InRange(store.Counters.Gets - gets, 12, 15);
        Assert.InRange(store.Counters.Bytes - bytes, 1, 1 << 20);
    }

    [Fact]
    public async Task List_OfDoubtfulNames_FollowsTheRules()
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            writer.WriteEntry(Tars.File(TarEntryFormat.Ustar, "twice", [1]));
            writer.WriteEntry(Tars.File(TarEntryFormat.Ustar, "../up", [2]));
            writer.WriteEntry(Tars.File(TarEntryFormat.Ustar, "both", [3]));
            writer.WriteEntry(Tars.File(TarEntryFormat.Ustar, "both/below", [4]));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Ustar, TarEntryType.SymbolicLink, "link"));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Ustar, TarEntryType.Directory, "hollow/"));
            writer.WriteEntry(Tars.File(TarEntryFormat.Ustar, "twice", [5, 6]));
        }

        Put("x.tar", stream.ToArray());
        await using FileUnderStore store = Open();
        using Manifest manifest = await ListAsync(store);
        Assert.Equal(["x.tar", "x.tar/both", "x.tar/both/below", "x.tar/hollow", "x.tar/twice"], Paths(manifest));
        Assert.True(manifest.TryFindPath("x.tar/twice"u8, out long row)); // As when it is unpacked, the later one.
        Assert.Equal([5, 6], await ReadAsync(store, manifest.ObjectOf(row), 0, 2));
        Assert.Equal(
            [("x.tar/both", SkipReason.ShadowedByDirectory), ("x.tar/../up", SkipReason.DotDotComponent), ("x.tar/link", SkipReason.NoFileInShard)],
            manifest.SkippedNames().Select(static s => (s.DisplayPath, s.Reason)));
    }

    [Fact]
    public async Task Sync_ShardUnchangedOrReplaced_KeepsOrChangesTheNumbersOfItsMembers()
    {
        Put("same.tar", Tars.Of(TarEntryFormat.Ustar, [("1", [1]), ("2", [2])]));
        Put("changes.tar", Tars.Of(TarEntryFormat.Ustar, [("1", [1]), ("2", [2])]));
        await using FileUnderStore store = Open();
        using Manifest before = await ListAsync(store);
        using (Manifest again = await ListAsync(store, before))
        {
            Assert.Equal(before.Digest, again.Digest);
        }

        File.Delete(Path.Combine(_root, "changes.tar"));
        Put("changes.tar", Tars.Of(TarEntryFormat.Ustar, [("1", [1]), ("2", [3]), ("3", [4])]));
        using Manifest after = await ListAsync(store, before);
        Assert.Equal(Inode(before, "same.tar/2"), Inode(after, "same.tar/2"));
        Assert.NotEqual(Inode(before, "changes.tar/1"), Inode(after, "changes.tar/1"));
        Assert.Equal(Inode(before, "changes.tar"), Inode(after, "changes.tar"));
        ManifestDiff diff = ManifestDiff.Compare(before, after, 100, CancellationToken.None);
        Assert.Equal((1, 2, 0), (diff.Added, diff.Changed, diff.Removed));

        // The old version's members are gone with their shard, and say so.
        Assert.True(before.TryFindPath("changes.tar/1"u8, out long row));
        Assert.Equal(CacheError.VersionChanged, (await Assert.ThrowsAsync<CacheException>(() => ReadAsync(store, before.ObjectOf(row), 0, 1))).Error);
    }

    [Fact]
    public async Task Sync_ShardsUnchanged_ReadsOnlyWhatTheLastVersionDoesNotTell()
    {
        using MemoryStream deep = new();
        using (TarWriter writer = new(deep, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.Directory, "hollow/"));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.Directory, "d/"));
            writer.WriteEntry(Tars.File(TarEntryFormat.Pax, "d/e/1", [1]));
            writer.WriteEntry(Tars.File(TarEntryFormat.Pax, "twice", [1]));
            writer.WriteEntry(Tars.File(TarEntryFormat.Pax, "twice", [2, 3]));
        }

        using MemoryStream linked = new();
        using (TarWriter writer = new(linked, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(Tars.File(TarEntryFormat.Pax, "1", [1]));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.SymbolicLink, "link"));
        }

        Put("train/deep.tar", deep.ToArray());
        Put("train/flat.tar", Tars.Of(TarEntryFormat.Ustar, Enumerable.Range(0, 50).Select(static i => ($"{i:d3}", Tars.Content(i, i)))));
        Put("linked.tar", linked.ToArray());
        await using FileUnderStore store = Open();
        using Manifest before = await ListAsync(store);
        Assert.Equal(1, before.Skipped);
        long gets = store.Counters.Gets;
        using (Manifest again = await ListAsync(store, before))
        {
            // The rows do not say what was left out, so that shard is read.
            Assert.Equal((before.Digest, 1), (again.Digest, store.Counters.Gets - gets));
        }

        // A new shard beside them is all that is new.
        Put("train/new.tar", Tars.Of(TarEntryFormat.Ustar, [("1", [1])]));
        gets = store.Counters.Gets;
        using Manifest after = await ListAsync(store, before);
        Assert.Equal(2, store.Counters.Gets - gets);
        Assert.Equal((1, 0, 0), ManifestDiff.Compare(before, after, 100, CancellationToken.None) is var diff ? (diff.Added, diff.Changed, diff.Removed) : default);
        Assert.True(after.TryFindPath("train/deep.tar/twice"u8, out long row));
        Assert.Equal([2, 3], await ReadAsync(store, after.ObjectOf(row), 0, 2));
    }

    [Fact]
    public async Task List_OfADamagedShard_NamesItAndTheOffset()
    {
        byte[] tar = Tars.Of(TarEntryFormat.Ustar, [("a", new byte[1000]), ("b", new byte[1000])]);
        tar[1536] ^= 1;
        Put("train/bad.tar", tar);
        await using FileUnderStore store = Open();
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => ListAsync(store));
        Assert.Equal(CacheError.Corrupt, e.Error);
        Assert.Equal($"file://{_root}/train/bad.tar is no sound tar: a header has a wrong checksum, at byte 1536; repair or remove it, or add the dataset without --index-tar.", e.Message);
    }

    [Fact]
    public async Task List_Interrupted_ReadsNoFinishedShardAgain()
    {
        for (int i = 0; i < 8; i++)
        {
            Put($"{i}.tar", Tars.Of(TarEntryFormat.Ustar, [($"{i}", [1])]));
        }

        byte[] good = File.ReadAllBytes(Path.Combine(_root, "3.tar"));
        File.WriteAllBytes(Path.Combine(_root, "3.tar"), new byte[100]);
        await using FileUnderStore store = Open();
        ManifestBuilderOptions options = _folder.Options([new ManifestMount("", store.Uri)]) with { IndexTar = true, Resumable = true };
        await Assert.ThrowsAsync<CacheException>(() => ListAsync(store, options));
        long gets = store.Counters.Gets;
        File.WriteAllBytes(Path.Combine(_root, "3.tar"), good); // Repaired: another version than the journal has.
        using Manifest manifest = await ListAsync(store, options);
        Assert.Equal(8, manifest.Files);
        Assert.InRange(store.Counters.Gets - gets, 1, 4);
    }

    [Fact]
    public async Task List_ShardReplacedWhileItIsRead_ShowsOneVersion()
    {
        byte[] second = Tars.Of(TarEntryFormat.Ustar, [("new", [9])]);
        Put("x.tar", Tars.Of(TarEntryFormat.Ustar, Enumerable.Range(0, 50).Select(i => ($"{i}", new byte[2 << 20]))));
        await using FileUnderStore inner = Open();
        bool isReplaced = false;
        await using InterposedStore store = new(inner, () =>
        {
            if (inner.Counters.Gets == 10 && !isReplaced)
            {
                isReplaced = true;
                File.Delete(Path.Combine(_root, "x.tar"));
                Put("x.tar", second);
            }
        });
        using Manifest manifest = await ListAsync(store);
        Assert.Equal(["x.tar", "x.tar/new"], Paths(manifest));
        Assert.True(isReplaced);
    }

    [Fact]
    public async Task Manifest_OfManyMembers_KeepsItsBudget()
    {
        const int Files = 50_000;
        Directory.CreateDirectory(Path.Combine(_root, "train"));
        for (int shard = 0; shard < 5; shard++)
        {
            // 16,384 names are added at a time, so each shard takes several steps.
            Put($"train/shard-{shard:d6}.tar", Tars.Of(TarEntryFormat.Ustar, Enumerable.Range(0, Files / 5).Select(i => ($"n0144{i % 10}_{(shard * 100_000) + i}.JPEG", new byte[i % 700]))));
        }

        await using FileUnderStore store = Open();
        using Manifest manifest = await ListAsync(store);
        Assert.Equal(Files, manifest.Files);
        Assert.InRange((double)manifest.FileLength / Files, 1, 64);
    }

    private FileUnderStore Open() => new(_root, new UnderStoreOptions());

    private Task<Manifest> ListAsync(IUnderStore store, Manifest? previous = null) =>
        ListAsync(store, _folder.Options([new ManifestMount("", store.Uri)], previous) with { IndexTar = true });

    private async Task<Manifest> ListAsync(IUnderStore store, ManifestBuilderOptions options)
    {
        await using ManifestBuilder builder = ManifestBuilder.Open(options);
        await TreeLister.ListAsync(builder, [store], new TreeListerOptions { Parallelism = 4 }, CancellationToken.None);
        return Manifest.Open((await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Path);
    }

    private void Put(string path, byte[] content) => File.WriteAllBytes(Path.Combine(_root, path), content);

    private static async Task<byte[]> ReadAsync(FileUnderStore store, StoreObject storeObject, long offset, int count)
    {
        ArraySink sink = new(count);
        await store.ReadAsync(storeObject, offset, count, sink, CancellationToken.None);
        return sink.Data;
    }

    private static ulong Inode(Manifest manifest, string path) => manifest.TryFindPath(Encoding.UTF8.GetBytes(path), out long row) ? manifest.InodeOf(row) : throw new FileNotFoundException(path);

    private static List<string> Paths(Manifest manifest) =>
        [.. Enumerable.Range(1, (int)manifest.RowCount - 1).Select(row => Encoding.UTF8.GetString(manifest.PathOf(row))).Where(static p => p != "train").Order(StringComparer.Ordinal)];

    /// <summary>A store before each of whose reads something happens.</summary>
    private sealed class InterposedStore(IUnderStore inner, Action beforeRead) : IUnderStore
    {
        public string Uri => inner.Uri;

        public bool ReadsAreGuarded => inner.ReadsAreGuarded;

        public int SuggestedParallelism => inner.SuggestedParallelism;

        public UnderStoreCounters Counters => inner.Counters;

        public Task CheckAsync(CancellationToken cancellationToken) => inner.CheckAsync(cancellationToken);

        public ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken) => inner.StatAsync(path, cancellationToken);

        public IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, CancellationToken cancellationToken) => inner.ListDirectoryAsync(directory, cancellationToken);

        public IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, CancellationToken cancellationToken) => inner.ListUnitAsync(unit, cancellationToken);

        public Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
        {
            beforeRead();
            return inner.ReadAsync(storeObject, offset, count, sink, cancellationToken);
        }

        public Microsoft.Win32.SafeHandles.SafeFileHandle? OpenLocal(StoreObject storeObject) => inner.OpenLocal(storeObject);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
