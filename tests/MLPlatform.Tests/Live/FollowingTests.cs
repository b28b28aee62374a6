using System.Text;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using MLPlatform.Tests.Catalogues;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Live;

/// <summary>A mount that moves from version to version.</summary>
public sealed class FollowingTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly CatalogueFixture _fixture;

    public FollowingTests() => _fixture = new CatalogueFixture(_time);

    private MemoryStore Store => _fixture.Store();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    [Promise("S2")]
    public async Task NewVersion_TellsExactlyWhatChanged()
    {
        foreach (string path in new[] { "d/same", "d/changes", "d/goes", "e/same", "gone/f" })
        {
            Store.Put(path);
        }

        await _fixture.AddAsync("x");
        await using MountedDataset mounted = await FollowAsync();
        var reader = new TreeReader(mounted.Tree);
        ulong same = (await reader.WalkAsync("d/same"))!.Value.Inode;
        TreeEntry changes = (await reader.WalkAsync("d/changes"))!.Value;
        ulong goes = (await reader.WalkAsync("d/goes"))!.Value.Inode;
        ulong directory = (await reader.WalkAsync("d"))!.Value.Inode;
        ulong untouched = (await reader.WalkAsync("e"))!.Value.Inode;
        ulong gone = (await reader.WalkAsync("gone"))!.Value.Inode;
        ObjectIdentityOf(mounted, changes.Inode, out string oldVersion);
        var told = new List<TreeChange>();
        mounted.Tree.Changed += told.Add;

        Store.Put("d/changes", 99);
        Store.Delete("d/goes");
        Store.Put("d/comes");
        Store.Delete("gone/f");
        DatasetSyncResult synced = await _fixture.SyncAsync("x");
        await MovedAsync(mounted, synced.Version);

        Assert.Equal(same, (await reader.WalkAsync("d/same"))!.Value.Inode);
        Assert.NotEqual(changes.Inode, (await reader.WalkAsync("d/changes"))!.Value.Inode);
        Assert.Equal(99, (await reader.WalkAsync("d/changes"))!.Value.Size);
        Assert.Null(await reader.WalkAsync("d/goes"));
        Assert.NotNull(await reader.WalkAsync("d/comes"));

        // Open readers of what changed or went stay at their version.
        ObjectIdentityOf(mounted, changes.Inode, out string stillOld);
        Assert.Equal(oldVersion, stillOld);
        Assert.Equal(TreeOutcome.Found, mounted.Tree.TryGetEntry(changes.Inode, out TreeEntry old));
        Assert.Equal(changes.Size, old.Size);
        Assert.NotNull(mounted.Tree.GetFile(goes));
        Assert.Equal("d/goes", Encoding.UTF8.GetString(mounted.Tree.GetPath(goes)!));

        TreeChange change = told[0];
        Assert.Equal(["changes", "comes", "goes", "gone"], change.Names!.Select(n => Encoding.UTF8.GetString(n.Name)).Order());
        Assert.Contains(directory, change.Inodes);
        Assert.DoesNotContain(untouched, change.Inodes);
        Assert.DoesNotContain(same, change.Inodes);

        // A directory that is gone still stands where somebody is in it, and is empty.
        Assert.Equal(TreeOutcome.Found, mounted.Tree.TryGetEntry(gone, out TreeEntry empty));
        Assert.Equal(StoreEntryKind.Directory, empty.Kind);
        Assert.Equal(TreeOutcome.Missing, mounted.Tree.TryLookup(gone, "f"u8, out _));
        Assert.Empty(await reader.ListAsync(gone));
        Assert.Equal(TreeOutcome.Stale, mounted.Tree.TryLookup(1_000_000, "f"u8, out _));
        Assert.Equal(TreeOutcome.NotDirectory, mounted.Tree.TryLookup(goes, "f"u8, out _));
    }

    [Fact]
    public async Task NewVersion_IsToldAgainForQuestionsThatWereUnderWay()
    {
        Store.Put("f");
        await _fixture.AddAsync("x");
        await using MountedDataset mounted = await FollowAsync();
        var told = new List<TreeChange>();
        mounted.Tree.Changed += told.Add;
        Store.Put("f", 2);
        await MovedAsync(mounted, (await _fixture.SyncAsync("x")).Version);
        await _time.UntilAsync(() => told.Count == 2);
        Assert.Same(told[0], told[1]);
    }

    [Fact]
    public async Task NewVersion_DirectoryBeingRead_NeitherRepeatsNorLosesUnchangedNames()
    {
        for (int i = 0; i < 200; i++)
        {
            Store.Put($"d/f{i:000}");
        }

        await _fixture.AddAsync("x");
        await using MountedDataset mounted = await FollowAsync();
        var reader = new TreeReader(mounted.Tree);
        ulong directory = (await reader.WalkAsync("d"))!.Value.Inode;
        int batches = 0;
        List<(string Name, TreeEntry Entry)> all = await reader.ListAsync(directory, 7, async () =>
        {
            if (++batches % 5 == 0)
            {
                Store.Put($"d/a{batches:000}"); // Before where the reader is: everything moves back,
                Store.Delete($"d/f{(batches * 7) - 1:000}"); // the last that it got is gone,
                Store.Delete($"d/f{batches:000}"); // and so is one before.
                Store.Put($"d/f{199 - batches:000}", batches);
                await MovedAsync(mounted, (await _fixture.SyncAsync("x")).Version);
            }
        });
        Assert.Equal(all.Count, all.Select(e => e.Name).Distinct().Count());
        Assert.True(batches >= 25);
        foreach (string name in Enumerable.Range(0, 200).Select(i => $"f{i:000}"))
        {
            if (await reader.WalkAsync($"d/{name}") is not null)
            {
                Assert.Contains(all, e => e.Name == name);
            }
        }
    }

    [Fact]
    public async Task ManyVersions_OnlyTheLastFewStayReadable()
    {
        Store.Put("f", 1);
        await _fixture.AddAsync("x");
        await using MountedDataset mounted = await FollowAsync();
        var reader = new TreeReader(mounted.Tree);
        var numbers = new List<ulong> { (await reader.LookupAsync(1, "f"))!.Value.Inode };
        for (int i = 0; i < SwitchingTree.MaxPastVersions + 2; i++)
        {
            Store.Put("f", 2 + i);
            await MovedAsync(mounted, (await _fixture.SyncAsync("x")).Version);
            numbers.Add((await reader.LookupAsync(1, "f"))!.Value.Inode);
        }

        Assert.Equal(numbers.Count, numbers.Distinct().Count());
        for (int step = 0; step < 100; step++)
        {
            ((SwitchingTree)mounted.Tree).Step(); // The memory of the oldest is given back.
        }

        Assert.Equal([false, false, .. Enumerable.Repeat(true, SwitchingTree.MaxPastVersions + 1)], numbers.Select(n => mounted.Tree.GetFile(n) is not null));
        Assert.Equal(TreeOutcome.Stale, mounted.Tree.TryGetEntry(numbers[0], out _));
    }

    [Fact]
    public async Task NewVersion_CannotBeRead_TheOldStaysAndTheProblemIsShown()
    {
        Store.Put("f");
        DatasetVersionId first = (await _fixture.AddAsync("x")).Version;
        await using MountedDataset mounted = await FollowAsync();
        Store.Put("g");
        DatasetFolder folder = _fixture.Catalogue.FolderOf("x");
        DatasetSyncResult second = await _fixture.SyncAsync("x");
        string path = folder.ManifestPath(second.Version);
        File.Move(path, path + ".away");
        await _time.UntilAsync(() => mounted.Status.Problem is not null);
        Assert.Contains("does not exist", mounted.Status.Problem, StringComparison.Ordinal);
        Assert.Equal(first.ToString(), mounted.Status.Version);
        Assert.Equal(first, Assert.Single(folder.Mounts()).Version);
        File.Move(path + ".away", path);
        await MovedAsync(mounted, second.Version);
        Assert.Null(mounted.Status.Problem);
        Assert.Equal(second.Version, Assert.Single(folder.Mounts()).Version);
    }

    [Fact]
    public async Task Dataset_IsRemovedByForce_TheMountStays()
    {
        Store.Put("f");
        await _fixture.AddAsync("x");
        await using MountedDataset mounted = await FollowAsync();
        await _fixture.Catalogue.RemoveAsync("x", force: true, TimeSpan.Zero, default);
        await _time.UntilAsync(() => mounted.Status.Problem is not null);
        Assert.Contains("removed", mounted.Status.Problem, StringComparison.Ordinal);
        Assert.NotNull(await new TreeReader(mounted.Tree).LookupAsync(1, "f"));
    }

    [Fact]
    [Promise("S2")]
    public async Task Readers_WhileVersionsFollow_NeverSeeAMix()
    {
        // Each version i has files f0…f9 of size i, so one look at sizes tells which version a file belongs to.
        PutAll(1);
        await _fixture.AddAsync("x");
        await using MountedDataset mounted = await FollowAsync();
        var versions = new System.Collections.Concurrent.ConcurrentDictionary<ulong, string>();
        using var stop = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 3).Select(seed => Task.Run(() => ReadAsync(new Random(seed))))];
        for (int i = 2; i < 20; i++)
        {
            PutAll(i);
            await MovedAsync(mounted, (await _fixture.SyncAsync("x")).Version);
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.True(versions.Count > 20);

        void PutAll(int size)
        {
            for (int f = 0; f < 10; f++)
            {
                Store.Put($"d/f{f}", size);
            }
        }

        async Task ReadAsync(Random random)
        {
            var reader = new TreeReader(mounted.Tree);
            while (!stop.IsCancellationRequested)
            {
                ulong directory = (await reader.LookupAsync(1, "d"))!.Value.Inode;
                TreeEntry entry = (await reader.LookupAsync(directory, $"f{random.Next(10)}"))!.Value;
                FileVersion file = mounted.Tree.GetFile(entry.Inode)!;
                Assert.Equal(entry.Size, file.Object.Size);
                string version = TreeReader.Describe(file);
                Assert.Equal(version, versions.GetOrAdd(entry.Inode, version));
                Assert.Equal(10, (await reader.ListAsync(directory, 3)).Count);
                await Task.Yield();
            }
        }
    }

    private static void ObjectIdentityOf(MountedDataset mounted, ulong inode, out string version) => version = TreeReader.Describe(mounted.Tree.GetFile(inode)!);

    private Task<MountedDataset> FollowAsync() => _fixture.Opener.OpenAsync(_fixture.Parse("x"), new DatasetOpenOptions { Follow = true, Directory = "/mnt/x" }, default);

    private Task MovedAsync(MountedDataset mounted, DatasetVersionId version) => _time.UntilAsync(() => mounted.Status.Version == version.ToString() && mounted.Status.Problem is null);
}
