using System.Text;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using MLPlatform.Tests.Catalogues;
using Xunit;

namespace MLPlatform.Tests.Live;

public sealed class DatasetOpenerTests : IDisposable
{
    private static readonly DatasetOpenOptions s_noHeadStart = new() { HeadStart = TimeSpan.Zero };

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly CatalogueFixture _fixture;

    public DatasetOpenerTests() => _fixture = new CatalogueFixture(_time);

    private MemoryStore Store => _fixture.Store();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Raw_SmallSource_IsPinnedFromTheFirstQuestionOn()
    {
        Store.Put("a/f", 3);
        await using MountedDataset mounted = await OpenAsync("s3://b/x", new DatasetOpenOptions());
        Assert.Equal(TreeMode.Pinned, mounted.Status.Mode);
        Assert.Equal("s3://b/x", mounted.Status.Dataset);
        Assert.StartsWith("sha256:", mounted.Status.Version, StringComparison.Ordinal);
        Assert.Equal((1, 3), (mounted.Status.Files, mounted.Status.Bytes));
        Assert.Equal(TimeSpan.FromDays(1), mounted.Tree.Validity);
        Assert.NotNull(await new TreeReader(mounted.Tree).WalkAsync("a/f"));
    }

    [Fact]
    [Promise("S2")]
    public async Task Raw_SlowListing_AnswersLiveAndIsPinnedLater()
    {
        Store.Put("d/same", 3);
        Store.Put("d/changes", 3);
        Store.Put("d/goes", 3);
        TaskCompletionSource listing = Store.HoldListings();
        await using MountedDataset mounted = await OpenAsync("s3://b/x", s_noHeadStart);
        var reader = new TreeReader(mounted.Tree);
        Assert.Equal(TreeMode.Listing, mounted.Status.Mode);
        Assert.Null(mounted.Status.Version);
        Dictionary<string, TreeEntry> before = await NamesAsync(reader, "d");
        TreeEntry directory = (await reader.LookupAsync(1, "d"))!.Value;
        foreach (TreeEntry held in before.Values.Append(directory))
        {
            mounted.Tree.AddReference(held.Inode);
        }

        ObjectIdentity old = mounted.Tree.GetFile(before["changes"].Inode)!.Object.Identity;
        Store.Put("d/changes", 4);
        Store.Delete("d/goes");
        Store.Put("d/comes", 5);
        var changes = new List<TreeChange>();
        mounted.Tree.Changed += changes.Add;
        listing.SetResult();
        await PinnedAsync(mounted);
        Assert.Equal(TreeMode.Pinned, mounted.Status.Mode);
        Dictionary<string, TreeEntry> after = await NamesAsync(reader, "d");
        Assert.Equal(["changes", "comes", "same"], after.Keys.Order());
        Assert.Equal(before["same"].Inode, after["same"].Inode);
        Assert.Equal(directory.Inode, (await reader.LookupAsync(1, "d"))!.Value.Inode);
        Assert.NotEqual(before["changes"].Inode, after["changes"].Inode);

        // Whoever has an old number goes on with the old version, by name nobody gets there.
        Assert.Equal(old, mounted.Tree.GetFile(before["changes"].Inode)!.Object.Identity);
        Assert.Equal(3, mounted.Tree.GetFile(before["goes"].Inode)!.Object.Size);
        Assert.Equal(TreeOutcome.Found, mounted.Tree.TryGetEntry(before["goes"].Inode, out TreeEntry gone));
        Assert.Equal(3, gone.Size);
        TreeChange change = Assert.Single(changes);
        Assert.Equal(mounted.Status, change.Status);
        Assert.Equal(["changes", "goes"], change.Names!.Select(n => Encoding.UTF8.GetString(n.Name)).Order());
        Assert.All(change.Names!, n => Assert.Equal(directory.Inode, n.Directory));
        Assert.Equal([1UL, directory.Inode], change.Inodes.Order());
    }

    [Fact]
    public async Task Raw_QuestionUnderWayWhenPinned_IsAnsweredByTheVersion()
    {
        Store.Put("f");
        TaskCompletionSource listing = Store.HoldListings();
        await using MountedDataset mounted = await OpenAsync("s3://b/x", s_noHeadStart);
        await Store.ListingBegan;
        Store.Gate = new TaskCompletionSource().Task; // The live answer never comes.
        Task<TreeEntry?> lookup = new TreeReader(mounted.Tree).LookupAsync(1, "f");
        Task<List<(string, TreeEntry)>> list = new TreeReader(mounted.Tree).ListAsync();
        Store.Gate = Task.CompletedTask;
        listing.SetResult();
        Assert.NotNull(await lookup);
        Assert.Single(await list);
    }

    [Fact]
    public async Task Raw_DirectoryTooLargeForLive_WaitsForTheVersion()
    {
        for (int i = 0; i < 50; i++)
        {
            Store.Put($"f{i}");
        }

        TaskCompletionSource listing = Store.HoldListings();
        await using MountedDataset mounted = await OpenAsync("s3://b/x", s_noHeadStart with { LiveTree = new LiveTreeOptions { MaxDirectoryEntries = 10 } });
        Task<List<(string, TreeEntry)>> list = new TreeReader(mounted.Tree).ListAsync();
        Assert.NotNull(await new TreeReader(mounted.Tree).LookupAsync(1, "f7"));
        Assert.False(list.IsCompleted);
        listing.SetResult();
        Assert.Equal(50, (await list).Count);
    }

    [Fact]
    public async Task Raw_DirectoryBeingReadWhenPinned_GoesOnWhereItWas()
    {
        for (int i = 0; i < 300; i++)
        {
            Store.Put($"f{i}");
        }

        TaskCompletionSource listing = Store.HoldListings();
        await using MountedDataset mounted = await OpenAsync("s3://b/x", s_noHeadStart);
        int batches = 0;
        List<(string Name, TreeEntry Entry)> all = await new TreeReader(mounted.Tree).ListAsync(1, 10, async () =>
        {
            if (++batches == 7)
            {
                Store.Put("later");
                Store.Delete("f5");
                listing.SetResult();
                await PinnedAsync(mounted);
            }
        });
        Assert.Equal(all.Count, all.Select(e => e.Name).Distinct().Count());
        Assert.Equal(299, all.Count(e => e.Name.StartsWith('f') && e.Name != "f5"));
    }

    [Fact]
    public async Task Raw_ListingFails_StaysLiveAndTriesAgain()
    {
        Store.Put("f");
        Store.ListingFault = new CacheException(CacheError.AccessDenied, "Listing s3://b/x is not allowed.");
        await using MountedDataset mounted = await OpenAsync("s3://b/x", s_noHeadStart);
        await _time.UntilAsync(() => mounted.Status.Problem is not null);
        Assert.Equal("Listing s3://b/x is not allowed.", mounted.Status.Problem);
        Assert.Equal(TreeMode.Listing, mounted.Status.Mode);
        Assert.NotNull(await new TreeReader(mounted.Tree).LookupAsync(1, "f"));
        Store.ListingFault = null;
        await _time.UntilAsync(() => mounted.Status.Mode == TreeMode.Pinned);
        Assert.Null(mounted.Status.Problem);
    }

    [Fact]
    public async Task Raw_MountedAgain_KeepsNumbersOfUnchangedFilesAndTheVersion()
    {
        Store.Put("d/same");
        Store.Put("d/changes");
        string? version;
        ulong same, changes;
        await using (MountedDataset first = await OpenAsync("s3://b/x", new DatasetOpenOptions()))
        {
            version = first.Status.Version;
            same = (await new TreeReader(first.Tree).WalkAsync("d/same"))!.Value.Inode;
            changes = (await new TreeReader(first.Tree).WalkAsync("d/changes"))!.Value.Inode;
        }

        TaskCompletionSource listing = Store.HoldListings();
        await using MountedDataset second = await OpenAsync("s3://b/x", s_noHeadStart);
        Assert.Equal(same, (await new TreeReader(second.Tree).WalkAsync("d/same"))!.Value.Inode);
        listing.SetResult();
        await PinnedAsync(second);
        Assert.Equal(version, second.Status.Version);
        await second.DisposeAsync();

        Store.Put("d/changes", 99);
        await using MountedDataset third = await OpenAsync("s3://b/x", new DatasetOpenOptions());
        Assert.NotEqual(version, third.Status.Version);
        Assert.NotEqual(changes, (await new TreeReader(third.Tree).WalkAsync("d/changes"))!.Value.Inode);
        Assert.Equal(same, (await new TreeReader(third.Tree).WalkAsync("d/same"))!.Value.Inode);
    }

    [Fact]
    public async Task Raw_TwoMountsAtOnce_BothGetPinned()
    {
        Store.Put("f");
        TaskCompletionSource listing = Store.HoldListings();
        await using MountedDataset first = await OpenAsync("s3://b/x", s_noHeadStart);
        await using MountedDataset second = await OpenAsync("s3://b/x", s_noHeadStart);
        listing.SetResult();
        await _time.UntilAsync(() => first.Status.Mode == TreeMode.Pinned && second.Status.Mode == TreeMode.Pinned);
        Assert.NotNull(await new TreeReader(first.Tree).LookupAsync(1, "f"));
        Assert.NotNull(await new TreeReader(second.Tree).LookupAsync(1, "f"));
    }

    [Fact]
    public async Task Raw_CatalogueCannotBeWritten_IsMountedAllTheSame()
    {
        Store.Put("f");
        File.WriteAllText(Path.Combine(_fixture.Root, "sources"), "in the way");
        await using MountedDataset mounted = await OpenAsync("s3://b/x", new DatasetOpenOptions());
        Assert.Equal(TreeMode.Pinned, mounted.Status.Mode);
        string manifest = mounted.Manifest!.FilePath;
        Assert.True(File.Exists(manifest));
        await mounted.DisposeAsync();
        Assert.False(File.Exists(manifest));
    }

    [Fact]
    public async Task Raw_SourceNobodyMountedForLong_IsForgotten()
    {
        Store.Put("f");
        await (await OpenAsync("s3://b/x", new DatasetOpenOptions())).DisposeAsync();
        MountedDataset still = await OpenAsync("s3://b/x", new DatasetOpenOptions());
        _time.Advance(TimeSpan.FromDays(40));
        _fixture.Store("s3://b/other");
        await (await OpenAsync("s3://b/other", new DatasetOpenOptions())).DisposeAsync();
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(_fixture.Root, "sources")).Length); // It is mounted.
        await still.DisposeAsync();
        await (await OpenAsync("s3://b/other", new DatasetOpenOptions())).DisposeAsync();
        Assert.DoesNotContain(Directory.GetDirectories(Path.Combine(_fixture.Root, "sources")), path => File.ReadAllText(Path.Combine(path, "source")).Contains("s3://b/x", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Raw_PinnedForAWhile_TheLiveTreeKeepsOnlyWhatTheVersionDoesNotHave()
    {
        for (int i = 0; i < 100; i++)
        {
            Store.Put($"d/f{i}");
        }

        TaskCompletionSource listing = Store.HoldListings();
        await using MountedDataset mounted = await OpenAsync("s3://b/x", s_noHeadStart);
        Dictionary<string, TreeEntry> names = await NamesAsync(new TreeReader(mounted.Tree), "d");
        foreach (TreeEntry entry in names.Values)
        {
            mounted.Tree.AddReference(entry.Inode);
        }

        var tree = (SwitchingTree)mounted.Tree;
        Assert.True(tree.LiveNumbers > 100);
        Store.Put("d/f7", 77);
        listing.SetResult();
        await PinnedAsync(mounted);
        await _time.UntilAsync(() => tree.LiveNumbers <= 3); // The root, the directory, the old f7.
        Assert.Equal(10, mounted.Tree.GetFile(names["f7"].Inode)!.Object.Size);
        foreach (TreeEntry entry in names.Values)
        {
            Assert.Equal(TreeOutcome.Found, mounted.Tree.TryGetEntry(entry.Inode, out _));
            mounted.Tree.DropReferences(entry.Inode, 1);
        }

        Assert.Equal(1, tree.LiveNumbers);
    }

    [Fact]
    public async Task Raw_Wait_ListsFirst()
    {
        Store.Put("f");
        TaskCompletionSource listing = Store.HoldListings();
        Task<MountedDataset> opening = OpenAsync("s3://b/x", new DatasetOpenOptions { Wait = true });
        Assert.False(opening.IsCompleted);
        listing.SetResult();
        await using MountedDataset mounted = await opening;
        Assert.Equal(TreeMode.Pinned, mounted.Status.Mode);
        Assert.IsType<ManifestTree>(mounted.Tree);
        Store.Fault = new CacheException(CacheError.Unreachable, "Down.");
        Assert.Equal("Down.", (await Assert.ThrowsAsync<CacheException>(() => OpenAsync("s3://b/x", new DatasetOpenOptions { Wait = true }))).Message);
    }

    [Fact]
    public async Task Raw_Live_StaysLive()
    {
        Store.Put("f");
        await using MountedDataset mounted = await OpenAsync("s3://b/x", new DatasetOpenOptions { Live = true, LiveTree = new LiveTreeOptions { MetadataTtl = TimeSpan.FromSeconds(8) } });
        Assert.Equal(TreeMode.Live, mounted.Status.Mode);
        Assert.Equal(TimeSpan.FromSeconds(4), mounted.Tree.Validity);
        Assert.Null(mounted.Manifest);
    }

    [Fact]
    public async Task Raw_ClosedWhileListing_Ends()
    {
        Store.HoldListings();
        MountedDataset mounted = await OpenAsync("s3://b/x", s_noHeadStart);
        await mounted.DisposeAsync();
        await mounted.DisposeAsync();
        Assert.Empty(_fixture.Catalogue.Names());
    }

    [Fact]
    public async Task Dataset_PinsTheCurrentVersionOrTheOneWanted()
    {
        Store.Put("f", 1);
        DatasetVersionId first = (await _fixture.AddAsync("x")).Version;
        Store.Put("f", 2);
        DatasetVersionId second = (await _fixture.SyncAsync("x")).Version;
        await using MountedDataset current = await OpenAsync("x", new DatasetOpenOptions());
        await using MountedDataset byName = await OpenAsync($"x@{first}", new DatasetOpenOptions());
        await using MountedDataset byOption = await OpenAsync("x", new DatasetOpenOptions { Version = first.Hex[..8] });
        Assert.Equal(second.ToString(), current.Status.Version);
        Assert.Equal(first.ToString(), byName.Status.Version);
        Assert.Equal(first.ToString(), byOption.Status.Version);
        Assert.Equal(1, (await new TreeReader(byName.Tree).LookupAsync(1, "f"))!.Value.Size);
        Assert.Equal("x", current.Status.Dataset);
    }

    [Fact]
    public async Task Dataset_StoreIsDown_PinnedVersionStillOpens()
    {
        Store.Put("f");
        await _fixture.AddAsync("x");
        Store.Fault = new CacheException(CacheError.Unreachable, "Down.");
        await using MountedDataset mounted = await OpenAsync("x", new DatasetOpenOptions());
        Assert.NotNull(await new TreeReader(mounted.Tree).LookupAsync(1, "f"));
        await Assert.ThrowsAsync<CacheException>(() => OpenAsync("x", new DatasetOpenOptions { Live = true }));
        Assert.Single(_fixture.Catalogue.Summary("x").Mounts);
    }

    [Fact]
    public async Task Dataset_Live_NeverGivesANumberOfAVersion()
    {
        Store.Put("f");
        await _fixture.AddAsync("x");
        await using MountedDataset pinned = await OpenAsync("x", new DatasetOpenOptions());
        await using MountedDataset live = await OpenAsync("x", new DatasetOpenOptions { Live = true });
        ulong number = (await new TreeReader(live.Tree).LookupAsync(1, "f"))!.Value.Inode;
        Assert.True(number >= pinned.Manifest!.NextInode);
        Store.Put("g");
        await _fixture.SyncAsync("x");
        using Manifest now = _fixture.Catalogue.OpenManifest("x", _fixture.Catalogue.Current("x")!.Value);
        Assert.False(now.TryFindInode(number, out _));
    }

    [Theory]
    [InlineData("x", true, true, false, null)]
    [InlineData("x", true, false, false, "sha256:1234")]
    [InlineData("x", true, false, true, null)]
    [InlineData("x", false, true, false, "sha256:1234")]
    [InlineData("s3://b/x", false, true, false, null)]
    [InlineData("s3://b/x", false, false, false, "sha256:1234")]
    [InlineData("x@sha256:abcd", false, false, false, "sha256:1234")]
    public async Task Options_ThatExcludeEachOther_AreRefused(string source, bool live, bool follow, bool wait, string? version)
    {
        Store.Put("f");
        await _fixture.AddAsync("x");
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => OpenAsync(source, new DatasetOpenOptions { Live = live, Follow = follow, Wait = wait, Version = version }));
        Assert.Equal(CacheError.Configuration, e.Error);
    }

    [Fact]
    public async Task Unknown_DatasetOrVersion_SaysWhichThereAre()
    {
        Store.Put("f");
        await _fixture.AddAsync("images");
        Assert.Contains("'images'", (await Assert.ThrowsAsync<CacheException>(() => OpenAsync("image", new DatasetOpenOptions()))).Message, StringComparison.Ordinal);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => OpenAsync("images@0123456789", new DatasetOpenOptions()));
        Assert.Equal(CacheError.NotFound, e.Error);
        Assert.Contains("mlp dataset versions images", e.Message, StringComparison.Ordinal);
    }

    private Task<MountedDataset> OpenAsync(string source, DatasetOpenOptions options) => Task.Run(() => _fixture.Opener.OpenAsync(_fixture.Parse(source), options, default));

    private static async Task<Dictionary<string, TreeEntry>> NamesAsync(TreeReader reader, string directory)
    {
        ulong inode = (await reader.WalkAsync(directory))!.Value.Inode;
        return (await reader.ListAsync(inode)).ToDictionary(e => e.Name, e => e.Entry);
    }

    private static Task PinnedAsync(MountedDataset mounted) => ((SwitchingTree)mounted.Tree).WhenPinned;
}
