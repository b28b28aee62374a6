using System.Text;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.Local;
using Xunit;

namespace MLPlatform.Tests.Manifests;

public sealed class TreeListerTests : IDisposable
{
    private static readonly IReadOnlyList<StoreEntry> s_entries =
        [.. Enumerable.Range(0, 60).Select(i => ManifestFolder.FileEntry($"d{i % 7}/e{i % 3}/f{i:00}", i, mtime: i)), ManifestFolder.FileEntry("top", 3), ManifestFolder.FileEntry("d1/g", 4)];

    private readonly ManifestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 8)]
    [InlineData(false, 1)]
    [InlineData(false, 8)]
    public async Task List_KilledAtEveryPageInTurn_GoesOnAndGivesTheSameManifest(bool byDirectory, int parallelism)
    {
        DatasetVersionId wanted = await ListAsync(_folder.Options(), byDirectory, parallelism);
        int resumed = 0;
        for (int kill = 1; ; kill++)
        {
            ManifestBuilderOptions options = _folder.Options() with { Resumable = true, CheckpointInterval = kill % 2 == 0 ? TimeSpan.Zero : TimeSpan.FromHours(1) };
            bool killed = false;
            try
            {
                Assert.Equal(wanted, await ListAsync(options, byDirectory, parallelism, new PagedStore(s_entries, byDirectory) { FailAt = (kill, new InvalidOperationException("killed")) }));
            }
            catch (InvalidOperationException e) when (e.Message == "killed")
            {
                killed = true;
            }

            if (!killed)
            {
                break;
            }

            var store = new PagedStore(s_entries, byDirectory);
            await using ManifestBuilder builder = ManifestBuilder.Open(options);
            resumed += builder.IsResumed ? 1 : 0;
            await TreeLister.ListAsync(builder, [store], new TreeListerOptions { Parallelism = parallelism }, CancellationToken.None);
            Assert.Equal(wanted, (await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Digest);
        }

        Assert.True(resumed > 5, $"only {resumed} listings went on");
    }

    [Fact]
    public async Task List_CancelledOrFailedByItsStore_KeepsEverythingFoundSoFar()
    {
        ManifestBuilderOptions options = _folder.Options() with { Resumable = true, CheckpointInterval = TimeSpan.FromHours(1) };
        var failing = new PagedStore(s_entries, byDirectory: true) { FailAt = (10, new CacheException(CacheError.Unreachable, "gone")) };
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => ListAsync(options, true, 1, failing));
        Assert.Equal("gone", e.Message);

        var again = new PagedStore(s_entries, byDirectory: true);
        await using ManifestBuilder builder = ManifestBuilder.Open(options);
        Assert.True(builder.IsResumed);
        using var stop = new CancellationTokenSource();
        var lister = new TreeListerOptions { Parallelism = 1, PageTaken = _ => { if (again.Pages == 3) { stop.Cancel(); } } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TreeLister.ListAsync(builder, [again], lister, stop.Token));
        await builder.DisposeAsync();

        var last = new PagedStore(s_entries, byDirectory: true);
        var whole = new PagedStore(s_entries, byDirectory: true);
        Assert.Equal(await ListAsync(_folder.Options(), true, 1, whole), await ListAsync(options, true, 1, last));
        Assert.Equal(whole.Pages, 9 + 3 + last.Pages); // No page is asked for twice.
    }

    [Fact]
    public async Task List_ResumedTooLateOrOfAnotherThing_StartsAnew()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        ManifestBuilderOptions options = _folder.Options() with { Resumable = true, CheckpointInterval = TimeSpan.Zero, Time = time };
        await AbandonAsync(options);
        await AssertResumedAsync(true, options);
        await AssertResumedAsync(false, options with { ListingKey = "endpoint=http://other" });
        await AbandonAsync(options);
        await AssertResumedAsync(false, options with { Mounts = [new ManifestMount("", "s3://bucket/other")] });
        await AbandonAsync(options);
        time.Advance(TimeSpan.FromHours(25));
        await AssertResumedAsync(false, options);
    }

    [Fact]
    public async Task List_JournalWithATornEnd_GoesOnFromTheLastWholeRecord()
    {
        ManifestBuilderOptions options = _folder.Options() with { Resumable = true, CheckpointInterval = TimeSpan.Zero };
        DatasetVersionId wanted = await ListAsync(_folder.Options(), true, 1);
        await AbandonAsync(options);
        string journal = Path.Combine(options.WorkDirectory, "journal");
        byte[] bytes = await File.ReadAllBytesAsync(journal);
        int torn = 0;
        for (int length = bytes.Length - 1; length > 0; length -= 13, torn++)
        {
            await File.WriteAllBytesAsync(journal, bytes[..length]);
            await using ManifestBuilder builder = ManifestBuilder.Open(options with { CheckpointInterval = TimeSpan.FromHours(1) });
            if (!builder.IsResumed)
            {
                break;
            }

            // As after a kill: nothing of this process becomes safe, so that the next round finds the same runs.
            await Assert.ThrowsAsync<InvalidOperationException>(() => TreeLister.ListAsync(builder, [new PagedStore(s_entries, true) { FailAt = (2, new InvalidOperationException()) }], new TreeListerOptions { Parallelism = 1 }, CancellationToken.None));
        }

        Assert.True(torn > 10);
        await File.WriteAllBytesAsync(journal, bytes[..(bytes.Length / 2)]);
        Assert.Equal(wanted, await ListAsync(options, true, 1));
    }

    [Fact]
    public async Task List_SeveralStores_AppearAtTheirPathsAndTheDeeperHidesTheOther()
    {
        ManifestBuilderOptions options = _folder.Options([new ManifestMount("", "s3://a"), new ManifestMount("d1", "s3://b"), new ManifestMount("x/y", "s3://c")]);
        await using ManifestBuilder builder = ManifestBuilder.Open(options);
        await TreeLister.ListAsync(
            builder,
            [
                new PagedStore([.. s_entries, ManifestFolder.FileEntry("x", 1)], byDirectory: true),
                new PagedStore([ManifestFolder.FileEntry("from-b", 5), ManifestFolder.FileEntry("e/deep//odd")], byDirectory: false),
                new PagedStore([], byDirectory: false),
            ],
            new TreeListerOptions(),
            CancellationToken.None);
        using Manifest manifest = Manifest.Open((await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Path);

        Assert.Equal(["from-b"], Names(manifest, "d1"));
        Assert.Equal(["y"], Names(manifest, "x"));
        Assert.Empty(Names(manifest, "x/y"));
        Assert.True(manifest.TryFindPath("d1/from-b"u8, out long row));
        Assert.Equal(1, manifest.MountOf(row));
        Assert.Equal("from-b", manifest.ObjectOf(row).DisplayPath);
        SkipReason[] reasons = [.. manifest.SkippedNames().Select(s => s.Reason).Order()];
        int hidden = s_entries.Count(e => Encoding.UTF8.GetString(e.Path).StartsWith("d1/", StringComparison.Ordinal));
        Assert.Equal([SkipReason.EmptyComponent, SkipReason.ShadowedByDirectory, .. Enumerable.Repeat(SkipReason.HiddenByMount, hidden)], reasons);
        Assert.Contains(manifest.SkippedNames(), s => s.DisplayPath == "d1/e/deep//odd");
    }

    [Fact]
    public async Task List_OfALocalDirectory_GivesFilesThatItsStoreOpens()
    {
        string root = _folder.Work("data");
        foreach (int i in Enumerable.Range(0, 200))
        {
            Directory.CreateDirectory($"{root}/d{i % 11}/e{i % 3}");
            await File.WriteAllTextAsync($"{root}/d{i % 11}/e{i % 3}/f{i}", new string('x', i));
        }

        File.CreateSymbolicLink($"{root}/link", "d1/e1");
        await using var store = new FileUnderStore(root, new UnderStoreOptions(), maxNamesPerPass: 7);
        await using ManifestBuilder builder = ManifestBuilder.Open(_folder.Options([new ManifestMount("", store.Uri)]));
        await TreeLister.ListAsync(builder, [store], new TreeListerOptions(), CancellationToken.None);
        using Manifest manifest = Manifest.Open((await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Path);

        Assert.Equal((200L, 1L, 1 + 11 + 33L, 199 * 100L), (manifest.Files, manifest.Links, manifest.Directories, manifest.Bytes));
        var tree = new ManifestTree(manifest, [store]);
        for (long row = 0; row < manifest.RowCount; row++)
        {
            if (tree.GetFile(manifest.InodeOf(row)) is { } file)
            {
                using Microsoft.Win32.SafeHandles.SafeFileHandle opened = store.OpenLocal(file.Object)!;
                Assert.Equal(file.Object.Size, RandomAccess.GetLength(opened));
                manifest.GetEntry(row, out TreeEntry entry);
                Assert.NotNull(entry.Mode);
            }
        }
    }

    [Fact]
    public async Task Progress_OfAResumedListing_CountsOnFromWhereItStopped()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        ManifestBuilderOptions options = _folder.Options() with { Resumable = true, CheckpointInterval = TimeSpan.Zero, Time = time };
        await AbandonAsync(options);
        var seen = new List<ListProgress>();
        var tick = new TreeListerOptions { Parallelism = 1, PageTaken = _ => time.Advance(TimeSpan.FromSeconds(1)) };
        await using ManifestBuilder builder = ManifestBuilder.Open(options with { Progress = new ListProgressTo(seen) });
        await TreeLister.ListAsync(builder, [new PagedStore(s_entries, byDirectory: true)], tick, CancellationToken.None);
        await builder.FinishAsync(_folder.Versions, CancellationToken.None);

        Assert.True(seen.Count > 5);
        Assert.Equal(seen.Select(p => p.Files).Order(), seen.Select(p => p.Files));
        Assert.Equal(new { Phase = ListPhase.Writing, Files = (long)s_entries.Count, UnitsOpen = 0L }, new { seen[^1].Phase, seen[^1].Files, seen[^1].UnitsOpen });
        Assert.Contains(seen, p => p is { Phase: ListPhase.Listing, UnitsOpen: > 0, FilesPerSecond: > 0 });
    }

    [Fact]
    public void UnitStack_BeyondItsMemory_GivesEverythingBackNewestFirst()
    {
        Directory.CreateDirectory(_folder.Work("stack"));
        using var stack = new UnitStack(Path.Combine(_folder.Work("stack"), "units"), maxInMemory: 4);
        var expected = new Stack<long>();
        var random = new Random(1);
        for (long i = 0; i < 500; i++)
        {
            stack.Push(new OpenUnit(i, 3, new ListUnit([1, 2, (byte)i], i % 2 == 0 ? null : [9], i % 3 == 0 ? [] : null)));
            expected.Push(i);
            for (int pops = random.Next(3); pops > 0 && expected.Count > 0; pops--)
            {
                OpenUnit unit = stack.TryPop()!;
                Assert.Equal(expected.Pop(), unit.Id);
                Assert.Equal((unit.Id % 2 == 0, unit.Id % 3 == 0, (byte)unit.Id), (unit.Unit.After is null, unit.Unit.Before is [], unit.Unit.Prefix[2]));
            }
        }

        Assert.Equal(expected.Count, stack.Count);
        while (expected.TryPop(out long id))
        {
            Assert.Equal(id, stack.TryPop()!.Id);
        }

        Assert.Null(stack.TryPop());
    }

    private static List<string> Names(Manifest manifest, string directory)
    {
        Assert.True(manifest.TryFindPath(Encoding.UTF8.GetBytes(directory), out long row));
        var names = new List<string>();
        NameCursor cursor = manifest.Children(row);
        while (cursor.MoveNext())
        {
            names.Add(Encoding.UTF8.GetString(cursor.Name));
        }

        return names;
    }

    private async Task<DatasetVersionId> ListAsync(ManifestBuilderOptions options, bool byDirectory, int parallelism, PagedStore? store = null)
    {
        await using ManifestBuilder builder = ManifestBuilder.Open(options);
        await TreeLister.ListAsync(builder, [store ?? new PagedStore(s_entries, byDirectory)], new TreeListerOptions { Parallelism = parallelism }, CancellationToken.None);
        return (await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Digest;
    }

    private static async Task AbandonAsync(ManifestBuilderOptions options)
    {
        await using ManifestBuilder builder = ManifestBuilder.Open(options);
        var store = new PagedStore(s_entries, byDirectory: true) { FailAt = (12, new InvalidOperationException("killed")) };
        await Assert.ThrowsAsync<InvalidOperationException>(() => TreeLister.ListAsync(builder, [store], new TreeListerOptions { Parallelism = 1 }, CancellationToken.None));
    }

    private static async Task AssertResumedAsync(bool expected, ManifestBuilderOptions options)
    {
        await using ManifestBuilder builder = ManifestBuilder.Open(options);
        Assert.Equal(expected, builder.IsResumed);
    }

    private sealed class ListProgressTo(List<ListProgress> seen) : IProgress<ListProgress>
    {
        public void Report(ListProgress value) => seen.Add(value);
    }
}
