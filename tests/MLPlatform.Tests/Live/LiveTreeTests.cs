using System.Text;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Live;

public sealed class LiveTreeTests
{
    private readonly MemoryStore _store = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));

    [Fact]
    public async Task Lookup_FileAndDirectory_AreFoundWithoutListing()
    {
        _store.Put("a/b/c.bin", 7);
        await using LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        TreeEntry? file = await reader.WalkAsync("a/b/c.bin");
        Assert.Equal(StoreEntryKind.File, file!.Value.Kind);
        Assert.Equal(7, file.Value.Size);
        Assert.Equal("a/b/c.bin", Encoding.UTF8.GetString(tree.GetPath(file.Value.Inode)!));
        Assert.Equal("s3://test/prefix/a/b/c.bin", tree.GetFile(file.Value.Inode)!.DisplayUri);
        Assert.Equal(0, _store.Lists);
        Assert.Equal(3, _store.Stats);
    }

    [Fact]
    public void Lookup_NothingKnown_MustWait()
    {
        LiveTree tree = Tree();
        Assert.Equal(TreeOutcome.MustWait, tree.TryLookup(1, "x"u8, out _));
        Assert.Equal(TreeOutcome.MustWait, new TreeReader(tree).ReadBatch(1, 0, 1).Outcome);
        Assert.Equal(TreeOutcome.Stale, tree.TryLookup(77, "x"u8, out _));
        Assert.Equal(TreeOutcome.Stale, tree.TryGetEntry(77, out _));
        Assert.Equal(TreeOutcome.Missing, tree.TryLookup(1, ".."u8, out _));
        Assert.Equal(TreeOutcome.Missing, tree.TryLookup(1, new byte[256], out _));
    }

    [Fact]
    public async Task Lookup_InAFile_IsNotADirectory()
    {
        _store.Put("f");
        LiveTree tree = Tree();
        TreeEntry file = (await new TreeReader(tree).LookupAsync(1, "f"))!.Value;
        Assert.Equal(TreeOutcome.NotDirectory, tree.TryLookup(file.Inode, "x"u8, out _));
        Assert.Equal(TreeOutcome.NotDirectory, new TreeReader(tree).ReadBatch(file.Inode, 0, 1).Outcome);
    }

    [Fact]
    public async Task Lookup_WithinTtl_AsksOnceAndAfterItAgain()
    {
        LiveTree tree = Tree(TimeSpan.FromSeconds(10));
        var reader = new TreeReader(tree);
        Assert.Null(await reader.LookupAsync(1, "new"));
        _store.Put("new");
        Assert.Null(await reader.LookupAsync(1, "new")); // Absence is believed too.
        Assert.Equal(1, _store.Stats);

        // Half the TTL is ours, the kernel has the other half.
        Assert.Equal(TimeSpan.FromSeconds(5), tree.Validity);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.NotNull(await reader.LookupAsync(1, "new"));
        Assert.Equal(2, _store.Stats);
    }

    [Fact]
    public async Task Lookup_TtlOfZero_StillGetsItsAnswer()
    {
        _store.Put("f");
        LiveTree tree = Tree(TimeSpan.Zero);
        Assert.NotNull(await new TreeReader(tree).LookupAsync(1, "f"));
        Assert.Equal(TimeSpan.Zero, tree.Validity);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(TreeOutcome.MustWait, tree.TryLookup(1, "f"u8, out _));
    }

    [Fact]
    public async Task Lookup_AfterListing_NeedsNoQuestion()
    {
        _store.Put("d/x");
        _store.Put("d/y");
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        ulong directory = (await reader.LookupAsync(1, "d"))!.Value.Inode;
        await reader.ListAsync(directory);
        int before = _store.Stats;
        Assert.NotNull(await reader.LookupAsync(directory, "x"));
        Assert.Null(await reader.LookupAsync(directory, "z"));
        Assert.Equal(before, _store.Stats);
    }

    [Fact]
    public async Task Load_StoreFails_NothingOlderIsBelieved()
    {
        _store.Put("d/x");
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        ulong directory = (await reader.LookupAsync(1, "d"))!.Value.Inode;
        TreeEntry file = (await reader.LookupAsync(directory, "x"))!.Value;
        await reader.ListAsync(directory);
        _time.Advance(TimeSpan.FromMinutes(1));
        _store.Fault = new CacheException(CacheError.Unreachable, "s3://test is down.");
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => reader.LookupAsync(directory, "x"));
        Assert.Equal(CacheError.Unreachable, e.Error);
        await Assert.ThrowsAsync<CacheException>(() => reader.ListAsync(directory));

        // What was handed out goes on standing for its version.
        Assert.Equal(TreeOutcome.Found, tree.TryGetEntry(file.Inode, out _));
        Assert.NotNull(tree.GetFile(file.Inode));
        _store.Fault = null;
        Assert.Equal(file.Inode, (await reader.LookupAsync(directory, "x"))!.Value.Inode);
    }

    [Fact]
    public async Task Load_ManyAskForOneThing_TheStoreIsAskedOnce()
    {
        _store.Put("f");
        var gate = new TaskCompletionSource();
        _store.Gate = gate.Task;
        LiveTree tree = Tree();
        Task[] names = [.. Enumerable.Range(0, 20).Select(_ => tree.LoadNameAsync(1, "f"u8.ToArray(), default).AsTask())];
        Task[] directories = [.. Enumerable.Range(0, 20).Select(_ => tree.LoadDirectoryAsync(1, default).AsTask())];
        gate.SetResult();
        await Task.WhenAll([.. names, .. directories]);
        Assert.Equal(1, _store.Stats);
        Assert.Equal(1, _store.Lists);
    }

    [Fact]
    public async Task Load_OneWaiterLeaves_TheOthersGetTheirAnswer()
    {
        _store.Put("f");
        var gate = new TaskCompletionSource();
        _store.Gate = gate.Task;
        LiveTree tree = Tree();
        using var impatient = new CancellationTokenSource();
        Task first = tree.LoadNameAsync(1, "f"u8.ToArray(), impatient.Token).AsTask();
        Task second = tree.LoadNameAsync(1, "f"u8.ToArray(), default).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();
        await second;
        Assert.Equal(TreeOutcome.Found, tree.TryLookup(1, "f"u8, out _));
    }

    [Fact]
    public async Task Load_StoreNeverAnswers_EndsAtItsDeadline()
    {
        _store.Gate = new TaskCompletionSource().Task;
        LiveTree tree = Tree();
        Task name = tree.LoadNameAsync(1, "f"u8.ToArray(), default).AsTask();
        Task directory = tree.LoadDirectoryAsync(1, default).AsTask();
        while (!name.IsCompleted || !directory.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMinutes(11));
            await Task.Yield();
        }

        Assert.Equal(CacheError.DeadlineExceeded, (await Assert.ThrowsAsync<CacheException>(() => name)).Error);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => directory);
        Assert.Contains("s3://test/prefix", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dispose_QuestionUnderWay_EndsIt()
    {
        _store.Gate = new TaskCompletionSource().Task;
        LiveTree tree = Tree();
        Task name = tree.LoadNameAsync(1, "f"u8.ToArray(), default).AsTask();
        await tree.DisposeAsync();
        Assert.Equal(CacheError.Interrupted, (await Assert.ThrowsAsync<CacheException>(() => name)).Error);
    }

    [Fact]
    public async Task Change_FileIsReplaced_TheNameGetsANewNumberAndTheOldKeepsItsVersion()
    {
        ObjectIdentity first = _store.Put("f", 1);
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        ulong old = (await reader.LookupAsync(1, "f"))!.Value.Inode;
        tree.AddReference(old);
        _time.Advance(TimeSpan.FromMinutes(1));
        _store.Put("f", 2);
        ulong now = (await reader.LookupAsync(1, "f"))!.Value.Inode;
        Assert.NotEqual(old, now);
        Assert.Equal(first, tree.GetFile(old)!.Object.Identity);
        Assert.Equal(1, tree.GetFile(old)!.Object.Size);
        Assert.Equal(TreeOutcome.Found, tree.TryGetEntry(old, out TreeEntry entry));
        Assert.Equal(1, entry.Size);

        // Back to the first version, back to the first number.
        _time.Advance(TimeSpan.FromMinutes(1));
        _store.Put("f", 1, first);
        Assert.Equal(old, (await reader.LookupAsync(1, "f"))!.Value.Inode);
    }

    [Fact]
    public async Task Change_FileBecomesDirectoryAndBack_NumbersStayApart()
    {
        ObjectIdentity identity = _store.Put("x", 1);
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        ulong file = (await reader.LookupAsync(1, "x"))!.Value.Inode;
        _store.Put("x/below");
        _time.Advance(TimeSpan.FromMinutes(1));
        TreeEntry directory = (await reader.LookupAsync(1, "x"))!.Value;
        Assert.Equal(StoreEntryKind.Directory, directory.Kind);
        Assert.NotEqual(file, directory.Inode);
        _store.Delete("x/below");
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(file, (await reader.LookupAsync(1, "x"))!.Value.Inode);
        Assert.Equal(identity, tree.GetFile(file)!.Object.Identity);
    }

    [Fact]
    public async Task Change_OnlyTheTime_KeepsTheNumberAndShowsTheTime()
    {
        ObjectIdentity identity = _store.Put("f");
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        ulong inode = (await reader.LookupAsync(1, "f"))!.Value.Inode;
        _time.Advance(TimeSpan.FromMinutes(1));
        _store.Put("f", 10, identity, mtime: 5);
        TreeEntry again = (await reader.LookupAsync(1, "f"))!.Value;
        Assert.Equal(inode, again.Inode);
        Assert.Equal(5, again.MtimeNanoseconds);
    }

    [Fact]
    public async Task Answers_ComeInAnotherOrderThanQuestions_TheLaterQuestionWins()
    {
        _store.Put("f", 1);
        var release = new TaskCompletionSource();
        var reached = new TaskCompletionSource();
        _store.BeforeAnswer = () =>
        {
            reached.SetResult();
            return release.Task;
        };
        LiveTree tree = Tree();
        Task slow = tree.LoadNameAsync(1, "f"u8.ToArray(), default).AsTask();
        await reached.Task;
        _store.BeforeAnswer = null;
        _time.Advance(TimeSpan.FromSeconds(1));
        _store.Put("f", 2);
        var reader = new TreeReader(tree);
        Assert.Equal(2, (await reader.ListAsync())[0].Entry.Size);
        release.SetResult();
        await slow;
        Assert.Equal(2, (await reader.LookupAsync(1, "f"))!.Value.Size);
    }

    [Fact]
    [Promise("S9")]
    public async Task Listing_KeyAndPrefixOfOneName_TheDirectoryShadowsTheFile()
    {
        _store.Put("a");
        _store.Put("a/b");
        _store.Put("z");
        LiveTree tree = Tree();
        List<(string Name, TreeEntry Entry)> all = await new TreeReader(tree).ListAsync();
        Assert.Equal(["a", "z"], all.Select(e => e.Name).Order());
        Assert.Equal(StoreEntryKind.Directory, all.Single(e => e.Name == "a").Entry.Kind);
    }

    [Fact]
    [Promise("S9")]
    public async Task Listing_NamesThatPosixCannotHold_AreLeftOutAndCounted()
    {
        _store.Put("d/ok");
        _store.Put("d/..");
        _store.Put("d/./x");
        _store.Put("d//x");
        _store.Put("d/" + new string('n', 256));
        _store.Put("d/"); // The marker of the directory itself is nothing of note.
        _store.Put("d/sub/");
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        ulong directory = (await reader.LookupAsync(1, "d"))!.Value.Inode;
        List<(string Name, TreeEntry Entry)> all = await reader.ListAsync(directory);
        Assert.Equal(["ok", "sub"], all.Select(e => e.Name).Order());
        Assert.Equal(StoreEntryKind.Directory, all.Single(e => e.Name == "sub").Entry.Kind);
        Assert.Equal(4, tree.SkippedNames);
    }

    [Fact]
    public async Task Listing_ChangesWhileItIsRead_UnchangedNamesComeExactlyOnce()
    {
        for (int i = 0; i < 500; i++)
        {
            _store.Put($"stays{i}");
            _store.Put($"goes{i}");
        }

        LiveTree tree = Tree();
        int step = 0;
        List<(string Name, TreeEntry Entry)> all = await new TreeReader(tree).ListAsync(1, 7, async () =>
        {
            _store.Put($"comes{step}");
            _store.Delete($"goes{499 - step}");
            step++;
            _time.Advance(TimeSpan.FromMinutes(1));
            await tree.LoadDirectoryAsync(1, default); // Somebody else's ls.
        });
        Assert.Equal(all.Count, all.Select(e => e.Name).Distinct().Count());
        Assert.Equal(500, all.Count(e => e.Name.StartsWith("stays", StringComparison.Ordinal)));
        Assert.True(_store.Lists > 50);
    }

    [Fact]
    public async Task Listing_Refreshed_UnchangedNamesKeepTheirNumbers()
    {
        for (int i = 0; i < 100; i++)
        {
            _store.Put($"f{i}");
        }

        LiveTree tree = Tree(options: o => o with { MaxRecentNames = 16 });
        var reader = new TreeReader(tree);
        Dictionary<string, ulong> before = (await reader.ListAsync()).ToDictionary(e => e.Name, e => e.Entry.Inode);
        _time.Advance(TimeSpan.FromMinutes(1));
        _store.Put("f7");
        Dictionary<string, ulong> after = (await reader.ListAsync()).ToDictionary(e => e.Name, e => e.Entry.Inode);
        Assert.Equal(["f7"], before.Keys.Where(name => before[name] != after[name]));
    }

    [Fact]
    public async Task Listing_TooManyNames_SaysWhatToDo()
    {
        for (int i = 0; i < 20; i++)
        {
            _store.Put($"f{i}");
        }

        LiveTree tree = Tree(options: o => o with { MaxDirectoryEntries = 10 });
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => new TreeReader(tree).ListAsync());
        Assert.Equal(CacheError.Unsupported, e.Error);
        Assert.Contains("--wait", e.Message, StringComparison.Ordinal);
        Assert.NotNull(await new TreeReader(tree).LookupAsync(1, "f3")); // Single names need no listing.
    }

    [Fact]
    public async Task Memory_ListingNobodyUses_IsGivenBackAfterAWhile()
    {
        _store.Put("d/f");
        _store.Put("e/f");
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        await reader.ListAsync((await reader.LookupAsync(1, "d"))!.Value.Inode);
        Assert.Equal(1, tree.Status.Files);
        _time.Advance(TimeSpan.FromMinutes(2));
        await reader.ListAsync((await reader.LookupAsync(1, "e"))!.Value.Inode);
        Assert.Equal(1, tree.Status.Files);
    }

    [Fact]
    public async Task Memory_KernelHoldsNothing_NumbersAreBounded()
    {
        for (int i = 0; i < 1000; i++)
        {
            _store.Put($"d{i % 10}/f{i}");
        }

        LiveTree tree = Tree(options: o => o with { MaxRecentNames = 50, MaxListedEntries = 200 });
        var reader = new TreeReader(tree);
        foreach ((string _, TreeEntry directory) in await reader.ListAsync())
        {
            foreach ((string name, TreeEntry _) in await reader.ListAsync((await reader.LookupAsync(1, $"d{0}"))!.Value.Inode, 10))
            {
                Assert.StartsWith("f", name, StringComparison.Ordinal);
            }

            await reader.ListAsync((await reader.LookupAsync(1, (await NameOf(tree, directory)) ?? "d1"))!.Value.Inode);
        }

        Assert.InRange(tree.KnownNumbers, 1, 100);
        Assert.InRange(tree.Status.Files, 0, 300);
    }

    [Fact]
    public async Task Memory_KernelHoldsNumbers_TheyAndTheirPathsStayKnown()
    {
        for (int i = 0; i < 300; i++)
        {
            _store.Put($"dir/sub{i % 3}/f{i}");
        }

        LiveTree tree = Tree(options: o => o with { MaxRecentNames = 16, MaxListedEntries = 16 });
        var reader = new TreeReader(tree);
        ulong held = (await reader.WalkAsync("dir/sub1/f1"))!.Value.Inode;
        tree.AddReference(held);
        tree.AddReference(held);
        for (int i = 0; i < 300; i++)
        {
            await reader.WalkAsync($"dir/sub{i % 3}/f{i}");
        }

        Assert.Equal("dir/sub1/f1", Encoding.UTF8.GetString(tree.GetPath(held)!));
        Assert.Equal(held, (await reader.WalkAsync("dir/sub1/f1"))!.Value.Inode);
        tree.DropReferences(held, 2);
        for (int i = 0; i < 300; i++)
        {
            await reader.WalkAsync($"dir/sub{i % 3}/f{i}");
        }

        Assert.Equal(TreeOutcome.Stale, tree.TryGetEntry(held, out _));
        Assert.InRange(tree.KnownNumbers, 1, 40);
    }

    [Fact]
    public async Task Mounts_SeveralStores_MakeOneTree()
    {
        var train = new MemoryStore("s3://train");
        var labels = new MemoryStore("s3://labels");
        _store.Put("readme");
        _store.Put("data/train/hidden");
        _store.Put("data/val/x");
        train.Put("t1");
        labels.Put("l1");
        LiveTree tree = new("three", [Mount("", _store), Mount("data/train", train), Mount("extra/labels", labels)], new CountingNumbers(), new LiveTreeOptions(), _time);
        var reader = new TreeReader(tree);
        Assert.Equal(["data", "extra", "readme"], (await reader.ListAsync()).Select(e => e.Name).Order());
        ulong data = (await reader.LookupAsync(1, "data"))!.Value.Inode;
        Assert.Equal(["train", "val"], (await reader.ListAsync(data)).Select(e => e.Name).Order());
        Assert.Null(await reader.WalkAsync("data/train/hidden"));
        Assert.Equal("s3://train/t1", tree.GetFile((await reader.WalkAsync("data/train/t1"))!.Value.Inode)!.DisplayUri);
        Assert.Equal("s3://labels/l1", tree.GetFile((await reader.WalkAsync("extra/labels/l1"))!.Value.Inode)!.DisplayUri);
        Assert.Null(await reader.WalkAsync("extra/other"));
        Assert.NotNull(await reader.WalkAsync("data/val/x"));
    }

    [Theory]
    [InlineData("a", "a")]
    [InlineData("", "")]
    [InlineData("a/../b", "c")]
    [InlineData("a//b", "c")]
    public void Mounts_ThatContradict_AreRefused(string first, string second)
    {
        CacheException e = Assert.Throws<CacheException>(() => new LiveTree("x", [Mount(first, _store), Mount(second, new MemoryStore())], new CountingNumbers(), new LiveTreeOptions(), _time));
        Assert.Equal(CacheError.Configuration, e.Error);
    }

    [Fact]
    public async Task Directory_WithoutATimeOfItsOwn_ShowsOneThatStandsStill()
    {
        _store.Put("d/f");
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        TreeEntry before = (await reader.LookupAsync(1, "d"))!.Value;
        _time.Advance(TimeSpan.FromHours(1));
        TreeEntry after = (await reader.LookupAsync(1, "d"))!.Value;
        Assert.Equal(before.MtimeNanoseconds, after.MtimeNanoseconds);
        Assert.NotEqual(0, after.MtimeNanoseconds);
    }

    [Fact]
    public async Task Numbers_OfAPathsVersions_AreFoundForAManifest()
    {
        ObjectIdentity first = _store.Put("d/f", 1);
        LiveTree tree = Tree();
        var reader = new TreeReader(tree);
        ulong old = (await reader.WalkAsync("d/f"))!.Value.Inode;
        _time.Advance(TimeSpan.FromMinutes(1));
        ObjectIdentity second = _store.Put("d/f", 2);
        ulong now = (await reader.WalkAsync("d/f"))!.Value.Inode;
        Assert.True(tree.TryFindNumber("d/f"u8, StoreEntryKind.File, 1, first, out ulong found));
        Assert.Equal(old, found);
        Assert.True(tree.TryFindNumber("d/f"u8, StoreEntryKind.File, 2, second, out found));
        Assert.Equal(now, found);
        Assert.False(tree.TryFindNumber("d/f"u8, StoreEntryKind.File, 3, second, out _));
        Assert.False(tree.TryFindNumber("d/g"u8, StoreEntryKind.File, 2, second, out _));
        Assert.True(tree.TryFindNumber("d"u8, StoreEntryKind.Directory, 0, default, out found));
        Assert.Equal((await reader.WalkAsync("d"))!.Value.Inode, found);
        Assert.Equal([("d", true), ("d/f", false), ("d/f", true)], tree.Numbers().Select(n => (Encoding.UTF8.GetString(n.Path), n.IsCurrent)).Order());
    }

    private static async Task<string?> NameOf(LiveTree tree, TreeEntry entry)
    {
        await Task.Yield();
        return tree.GetPath(entry.Inode) is { } path ? Encoding.UTF8.GetString(path) : null;
    }

    private static TreeMount Mount(string path, IUnderStore store) => new(Encoding.UTF8.GetBytes(path), store);

    private LiveTree Tree(TimeSpan? ttl = null, Func<LiveTreeOptions, LiveTreeOptions>? options = null)
    {
        var plain = new LiveTreeOptions { MetadataTtl = ttl ?? TimeSpan.FromSeconds(5) };
        return new LiveTree("test", [Mount("", _store)], new CountingNumbers(), options?.Invoke(plain) ?? plain, _time);
    }
}
