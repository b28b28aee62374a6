using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Manifests;

public sealed class ManifestBuilderTests : IDisposable
{
    private readonly ManifestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Build_WithinATightBudget_WaitsForItAndGivesTheSameManifest()
    {
        StoreEntry[] entries = [.. Enumerable.Range(0, 30_000).Select(i => ManifestFolder.FileEntry($"d{i % 97}/some-longer-name-of-a-file-{i}", i))];
        DatasetVersionId wanted = (await _folder.BuildAsync(entries)).Digest;
        var budget = new MemoryBudget(1 << 20);
        Assert.True(budget.TryCharge(1 << 19));
        await using ManifestBuilder builder = ManifestBuilder.Open(_folder.Options() with { Budget = budget });
        ValueTask adding = builder.AddAsync(0, entries, CancellationToken.None);
        Assert.False(adding.IsCompleted);
        budget.Return(1 << 19);
        await adding;

        Assert.Equal(wanted, (await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Digest);
        Assert.Equal(0, budget.UsedBytes);
    }

    [Fact]
    public async Task Build_FromManyThreads_GivesTheSameManifest()
    {
        StoreEntry[] entries = [.. Enumerable.Range(0, 20_000).Select(i => ManifestFolder.FileEntry($"d{i % 97}/{i}", i))];
        DatasetVersionId wanted = (await _folder.BuildAsync(entries)).Digest;
        await using ManifestBuilder builder = ManifestBuilder.Open(_folder.Options() with { SortBufferBytes = 200_000 });
        await Parallel.ForEachAsync(entries.Chunk(100), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (part, token) => await builder.AddAsync(0, part, token));
        Assert.Equal(wanted, (await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Digest);
    }

    [Fact]
    public async Task Open_WorkDirectoryOfAnotherBuilder_IsBusy()
    {
        ManifestBuilderOptions options = _folder.Options();
        await using ManifestBuilder first = ManifestBuilder.Open(options);
        CacheException e = Assert.Throws<CacheException>(() => ManifestBuilder.Open(options));
        Assert.Equal(CacheError.Busy, e.Error);
        Assert.Contains(options.WorkDirectory, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_MountsThatAreNoTree_AreRefused()
    {
        Assert.Contains("Two stores", Fault(new ManifestMount("a", "s3://x"), new ManifestMount("a", "s3://y")), StringComparison.Ordinal);
        Assert.Contains("`a//b`", Fault(new ManifestMount("a//b", "s3://x")), StringComparison.Ordinal);
        Assert.Contains("`..`", Fault(new ManifestMount("../b", "s3://x")), StringComparison.Ordinal);
        Assert.Contains("no store", Fault(), StringComparison.Ordinal);

        string Fault(params ManifestMount[] mounts)
        {
            CacheException e = Assert.Throws<CacheException>(() => ManifestBuilder.Open(_folder.Options(mounts)));
            Assert.Equal(CacheError.Configuration, e.Error);
            return e.Message;
        }
    }

    [Fact]
    public async Task Finish_LeavesNothingButTheManifest()
    {
        ManifestBuilderOptions options = _folder.Options() with { Resumable = true };
        ManifestBuildResult result = await _folder.BuildAsync([ManifestFolder.FileEntry("a")], options);
        Assert.False(Directory.Exists(options.WorkDirectory));
        Assert.Equal([result.Path], Directory.EnumerateFileSystemEntries(_folder.Versions));
        Assert.Equal(result.Digest.Hex + ".manifest", Path.GetFileName(result.Path));
    }

    [Fact]
    public async Task Finish_WhereNothingCanBeWritten_SaysWhereAndLeavesNothing()
    {
        await using ManifestBuilder builder = ManifestBuilder.Open(_folder.Options());
        await File.WriteAllTextAsync(_folder.Versions, "in the way");
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => builder.FinishAsync(_folder.Versions, CancellationToken.None));
        Assert.Equal(CacheError.DeviceFailed, e.Error);
        File.Delete(_folder.Versions);
    }

    [Fact]
    public async Task Skipped_BeyondTheCap_AreCountedAndTheListIsTheSameInAnyOrder()
    {
        StoreEntry[] entries = [.. Enumerable.Range(0, 500).Select(i => ManifestFolder.FileEntry($"a//{i}")), ManifestFolder.FileEntry("fine")];
        using Manifest manifest = await _folder.OpenAsync(entries, _folder.Options() with { MaxSkippedListed = 10 });
        Assert.Equal((500L, 10), (manifest.Skipped, manifest.SkippedNames().Count()));
        Assert.Equal(manifest.Digest, (await _folder.BuildAsync(entries.Reverse(), _folder.Options() with { MaxSkippedListed = 10 })).Digest);
    }

    [Fact]
    public async Task Empty_Dataset_IsARootWithNothingInIt()
    {
        using Manifest manifest = await _folder.OpenAsync([]);
        Assert.Equal((1L, 0L, 1L, 0L, 2UL), (manifest.RowCount, manifest.Files, manifest.Directories, manifest.Bytes, manifest.NextInode));
        manifest.GetEntry(0, out TreeEntry root);
        Assert.Equal((1UL, StoreEntryKind.Directory, 2U, 0L), (root.Inode, root.Kind, root.LinkCount, root.Size));
        Assert.False(manifest.TryLookup(0, "a"u8, out _));
        Assert.False(manifest.Children(0).MoveNext());
    }

    [Fact]
    public async Task Inodes_HandedOutByALiveMount_AreKept()
    {
        var source = new LiveNumbers { ["b"] = 500, ["d"] = 20, ["d/x"] = 21 };
        StoreEntry[] entries = [ManifestFolder.FileEntry("a"), ManifestFolder.FileEntry("b"), ManifestFolder.FileEntry("d/x"), ManifestFolder.FileEntry("d/y")];
        using Manifest manifest = await _folder.OpenAsync(entries, _folder.Options() with { Inodes = source });

        Assert.Equal([1UL, 1000, 500, 20, 21, 1001], Enumerable.Range(0, 6).Select(row => manifest.InodeOf(row)));
        Assert.Equal(1002UL, manifest.NextInode);
        Assert.True(source.Count >= 2);
        using Manifest again = await _folder.OpenAsync(entries, _folder.Options(previous: manifest) with { Inodes = new LiveNumbers() });
        Assert.Equal(manifest.Digest, again.Digest); // Nothing new, so nothing reserved shows.
        Assert.All(Enumerable.Range(0, 6), row => Assert.True(manifest.TryFindInode(manifest.InodeOf(row), out long found) && found == row));
    }

    [Fact]
    public async Task Inodes_WhenAStoreCannotTellVersionsApart_ChangeWithTheTime()
    {
        StoreEntry plain = new() { Path = "f"u8.ToArray(), Kind = StoreEntryKind.File, Size = 4, MtimeNanoseconds = 1_000_000_000 };
        using Manifest first = await _folder.OpenAsync([plain]);
        using Manifest same = await _folder.OpenAsync([plain], _folder.Options(previous: first));
        using Manifest later = await _folder.OpenAsync([plain with { MtimeNanoseconds = 2_000_000_000 }], _folder.Options(previous: first));
        Assert.Equal(first.InodeOf(1), same.InodeOf(1));
        Assert.NotEqual(first.InodeOf(1), later.InodeOf(1));
    }

    [Fact]
    public async Task Inodes_WhenAnotherStoreIsMountedThere_AreNew()
    {
        using Manifest first = await _folder.OpenAsync([ManifestFolder.FileEntry("d/f")]);
        using Manifest other = await _folder.OpenAsync([ManifestFolder.FileEntry("d/f")], _folder.Options([new ManifestMount("", "s3://another/data")], first));
        Assert.Equal(first.InodeOf(1), other.InodeOf(1)); // A directory's number stands for its path.
        Assert.NotEqual(first.InodeOf(2), other.InodeOf(2));
    }

    [Fact]
    public async Task TimesAndSizes_AtTheEndsOfTheirRange_ComeBack()
    {
        StoreEntry[] entries = [ManifestFolder.FileEntry("a", long.MaxValue, mtime: long.MinValue), ManifestFolder.FileEntry("b", 0, mtime: long.MaxValue), ManifestFolder.FileEntry("c", 1, mtime: 0)];
        using Manifest manifest = await _folder.OpenAsync(entries);
        for (int i = 0; i < entries.Length; i++)
        {
            manifest.GetEntry(i + 1, out TreeEntry entry);
            Assert.Equal((entries[i].Size, entries[i].MtimeNanoseconds), (entry.Size, entry.MtimeNanoseconds));
        }
    }

    [Fact]
    public async Task Diff_BeyondItsLimit_ForgetsEveryName()
    {
        StoreEntry[] entries = [.. Enumerable.Range(0, 50).Select(i => ManifestFolder.FileEntry($"f{i:00}"))];
        using Manifest before = await _folder.OpenAsync(entries);
        using Manifest after = await _folder.OpenAsync(entries.Skip(20), _folder.Options(previous: before));
        ManifestDiff all = ManifestDiff.Compare(before, after, limit: 20, CancellationToken.None);
        Assert.Equal((20, 20L, 0L, 0L, 0L), (all.Names!.Count, all.Removed, all.Added, all.Changed, all.NewBytes));
        Assert.Equal([1UL], all.Inodes);
        ManifestDiff some = ManifestDiff.Compare(before, after, limit: 19, CancellationToken.None);
        Assert.Equal((null, 20L), (some.Names, some.Removed));
        Assert.Empty(some.Inodes);
    }

    [Fact]
    public async Task Names_OfTheLongestKindAndDeep_AreFound()
    {
        string longName = new('n', 255);
        string deep = string.Join('/', Enumerable.Repeat("d", 5000));
        using Manifest manifest = await _folder.OpenAsync([ManifestFolder.FileEntry($"{longName}/{longName}"), ManifestFolder.FileEntry(deep + "/f"), ManifestFolder.FileEntry(new string('p', 33_000))]);
        Assert.True(manifest.TryFindPath(Encoding.UTF8.GetBytes($"{longName}/{longName}"), out _));
        Assert.True(manifest.TryFindPath(Encoding.UTF8.GetBytes(deep + "/f"), out long row));
        Assert.Equal(deep + "/f", manifest.ObjectOf(row).DisplayPath);
        Assert.Equal([SkipReason.PathTooLong], manifest.SkippedNames().Select(s => s.Reason));
    }

    /// <summary>A live mount that handed out some numbers below 1000.</summary>
    private sealed class LiveNumbers : Dictionary<string, ulong>, IInodeSource
    {
        public new ulong Count { get; private set; }

        public bool TryGetInode(ReadOnlySpan<byte> path, StoreEntryKind kind, in ObjectIdentity identity, long size, out ulong inode)
        {
            Assert.Equal(kind == StoreEntryKind.File, identity != ObjectIdentity.None);
            return TryGetValue(Encoding.UTF8.GetString(path), out inode);
        }

        public ulong Reserve(ulong atLeast, ulong count)
        {
            Assert.Equal(2UL, atLeast);
            Count = count;
            return 1000;
        }
    }
}
