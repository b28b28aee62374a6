using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>What every under-store promises (<see cref="IUnderStore"/>), asked of each implementation over a real server or disk.</summary>
public abstract class UnderStoreContract
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    internal abstract Task<ContractStore> OpenAsync();

    [SkippableFact]
    public async Task Check_ExistingRoot_Succeeds()
    {
        await using ContractStore store = await OpenAsync();
        await store.Store.CheckAsync(Limit());
    }

    [SkippableFact]
    public async Task Empty_ListsNothing()
    {
        await using ContractStore store = await OpenAsync();
        Assert.Empty(await ListDirectoryAsync(store.Store, ""));
        Assert.Empty(await ListUnitsAsync(store.Store, new Random(1)));
        Assert.Null(await store.Store.StatAsync(Bytes("nothing"), Limit()));
        StoreEntry? root = await store.Store.StatAsync(default, Limit());
        Assert.Equal(StoreEntryKind.Directory, root!.Kind);
    }

    [SkippableFact]
    public async Task Listing_FlatAndByDirectory_EqualsWhatWasPut()
    {
        await using ContractStore store = await OpenAsync();
        Dictionary<string, byte[]> files = Tree(seed: 7, count: 60);
        await store.PutAllAsync(files);

        List<StoreEntry> flat = await ListUnitsAsync(store.Store, new Random(2));
        List<StoreEntry> walked = await WalkAsync(store.Store, "");

        string[] expected = [.. files.Select(static f => $"{f.Key} {f.Value.Length}").Order(StringComparer.Ordinal)];
        Assert.Equal(expected, Files(flat));
        Assert.Equal(expected, Files(walked));
        Assert.Equal(
            flat.Where(static e => e.Kind == StoreEntryKind.File).OrderBy(Text, StringComparer.Ordinal).Select(static e => e.Identity),
            walked.Where(static e => e.Kind == StoreEntryKind.File).OrderBy(Text, StringComparer.Ordinal).Select(static e => e.Identity));
    }

    [SkippableFact]
    public async Task Stat_AgreesWithListing()
    {
        await using ContractStore store = await OpenAsync();
        await store.PutAsync("dir/file", Content(1234));
        StoreEntry listed = Assert.Single(await ListDirectoryAsync(store.Store, "dir"));

        StoreEntry? stat = await store.Store.StatAsync(Bytes("dir/file"), Limit());

        Assert.Equal((StoreEntryKind.File, 1234L, listed.Identity), (stat!.Kind, stat.Size, stat.Identity));
        Assert.InRange(stat.MtimeNanoseconds, DateTimeOffset.UtcNow.AddMinutes(-10).ToUnixTimeMilliseconds() * 1_000_000, DateTimeOffset.UtcNow.AddMinutes(10).ToUnixTimeMilliseconds() * 1_000_000);
        Assert.Equal(StoreEntryKind.Directory, (await store.Store.StatAsync(Bytes("dir"), Limit()))!.Kind);
        Assert.Null(await store.Store.StatAsync(Bytes("di"), Limit()));
        Assert.Null(await store.Store.StatAsync(Bytes("dir/file/x"), Limit()));
    }

    [SkippableFact]
    public async Task Read_AnyRange_GivesItsBytes()
    {
        await using ContractStore store = await OpenAsync();
        byte[] content = Content(3_000_017);
        await store.PutAsync("big", content);
        StoreObject big = await ObjectAsync(store.Store, "big");
        (long Offset, long Count)[] ranges =
        [
            (0, content.Length), (0, 1), (content.Length - 1, 1), (1_500_000, 1), (0, 4096), (content.Length - 100_000, 100_000), (999_999, 1_000_001), (1, content.Length - 2),
        ];
        foreach ((long offset, long count) in ranges)
        {
            foreach (int maxBuffer in new[] { 7919, 1 << 20 })
            {
                CollectingSink sink = new(count) { MaxBuffer = maxBuffer };
                await store.Store.ReadAsync(big, offset, count, sink, Limit());
                Assert.Equal(count, sink.Received);
                Assert.True(content.AsSpan((int)offset, (int)count).SequenceEqual(sink.Data), $"{offset}+{count}");
            }
        }

        Assert.True(store.Store.Counters.Gets >= 2 * ranges.Length);
        Assert.True(store.Store.Counters.Bytes >= 2 * ranges.Sum(static r => r.Count));
        Assert.Equal(0, store.Store.Counters.Errors);
    }

    [SkippableFact]
    public async Task Read_RangeOfAnObject_GivesItsBytesAndOnlyAtThisVersion()
    {
        await using ContractStore store = await OpenAsync();
        byte[] content = Content(100_000);
        await store.PutAsync("shard", content);
        StoreObject whole = await ObjectAsync(store.Store, "shard");
        StoreObject range = new(whole.Path, 5000, whole.Identity) { Offset = 70_001, ObjectSize = whole.Size };
        foreach ((int offset, int count) in ((int, int)[])[(0, 5000), (0, 1), (4999, 1), (1234, 777)])
        {
            CollectingSink sink = new(count);
            await store.Store.ReadAsync(range, offset, count, sink, Limit());
            Assert.True(content.AsSpan(70_001 + offset, count).SequenceEqual(sink.Data), $"{offset}+{count}");
        }

        await Assert.ThrowsAnyAsync<ArgumentException>(() => store.Store.ReadAsync(range, 4999, 2, new CollectingSink(2), Limit()));
        Assert.Null(store.Store.OpenLocal(range));

        // Another version, and one of another length under an identity that does not tell.
        await store.PutAsync("shard", Content(100_001));
        CacheException changed = await Assert.ThrowsAsync<CacheException>(() => store.Store.ReadAsync(range, 0, 10, new CollectingSink(10), Limit()));
        Assert.Equal(CacheError.VersionChanged, changed.Error);
        StoreObject now = await ObjectAsync(store.Store, "shard");
        changed = await Assert.ThrowsAsync<CacheException>(() => store.Store.ReadAsync(range with { Identity = now.Identity }, 0, 10, new CollectingSink(10), Limit()));
        Assert.Equal(CacheError.VersionChanged, changed.Error);
    }

    [SkippableFact]
    public async Task Read_ManyAtOnce_EachGetsItsOwn()
    {
        await using ContractStore store = await OpenAsync();
        byte[] content = Content(2_000_000);
        await store.PutAsync("f", content);
        StoreObject file = await ObjectAsync(store.Store, "f");
        await Task.WhenAll(Enumerable.Range(0, 100).Select(async i =>
        {
            int offset = i * 19_937;
            CollectingSink sink = new(10_000);
            await store.Store.ReadAsync(file, offset, 10_000, sink, Limit());
            Assert.True(content.AsSpan(offset, 10_000).SequenceEqual(sink.Data));
        }));
        Assert.Equal(0, store.OpenHandles());
    }

    [SkippableFact]
    public async Task Read_ObjectReplaced_IsVersionChangedAndNamesTheRemedy()
    {
        await using ContractStore store = await OpenAsync();
        await store.PutAsync("d/f", Content(1000));
        StoreObject old = await ObjectAsync(store.Store, "d/f");
        byte[] other = Content(1000);
        other[0] ^= 1;
        await store.PutAsync("d/f", other);

        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.Store.ReadAsync(old, 0, 1000, new CollectingSink(1000), Limit()));

        Assert.Equal(CacheError.VersionChanged, e.Error);
        Assert.Contains("mlp dataset sync", e.Message, StringComparison.Ordinal);
        Assert.Contains("d/f", e.Message, StringComparison.Ordinal);
        await store.PutAsync("d/f", Content(2000));
        e = await Assert.ThrowsAsync<CacheException>(() => store.Store.ReadAsync(old, 0, 1000, new CollectingSink(1000), Limit()));
        Assert.Equal(CacheError.VersionChanged, e.Error);
    }

    [SkippableFact]
    public async Task Read_ObjectGone_IsNotFoundAndNamesIt()
    {
        await using ContractStore store = await OpenAsync();
        await store.PutAsync("d/f", Content(1000));
        StoreObject old = await ObjectAsync(store.Store, "d/f");
        await store.DeleteAsync("d/f");

        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.Store.ReadAsync(old, 0, 1000, new CollectingSink(1000), Limit()));

        Assert.Equal(CacheError.NotFound, e.Error);
        Assert.Contains("/d/f", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Names_OfEveryKind_AreListedStatedAndRead()
    {
        await using ContractStore store = await OpenAsync();
        List<string> names =
        [
            "a b", "a+b", "a%2Fb", "a%20b", "ü/ñandú/日本語/😀", "q?x=1&y=2", "#hash", "quote\"'", "<tag>&amp;", "semi;colon:at@eq=", "star*", "tab\tnew\nline", "back\\slash", "tilde~-._", "~", "(){}[]|^`!$,",
        ];
        if (store.IsObjectStore)
        {
            names.AddRange(["x//y", "x/../y", "../z", "./dot", "both", "both/inner", "/lead", "ctl\u0001"]);
        }

        await store.PutAllAsync(names.Select(static n => KeyValuePair.Create(n, Encoding.UTF8.GetBytes("content of " + n))));

        List<StoreEntry> flat = await ListUnitsAsync(store.Store, new Random(3));
        Assert.Equal(names.Order(StringComparer.Ordinal), flat.Where(static e => e.Kind == StoreEntryKind.File).Select(Text).Order(StringComparer.Ordinal));
        foreach (StoreEntry entry in flat.Where(static e => e.Kind == StoreEntryKind.File))
        {
            CollectingSink sink = new(entry.Size);
            await store.Store.ReadAsync(new StoreObject(entry.Path, entry.Size, entry.Identity), 0, entry.Size, sink, Limit());
            Assert.Equal("content of " + Text(entry), Encoding.UTF8.GetString(sink.Data));
            StoreEntry? stat = await store.Store.StatAsync(entry.Path, Limit());
            Assert.NotNull(stat);
            if (Text(entry) != "both")
            {
                Assert.Equal(entry.Identity, stat.Identity);
            }
        }

        if (store.IsObjectStore)
        {
            List<StoreEntry> root = await ListDirectoryAsync(store.Store, "");
            Assert.Equal([StoreEntryKind.Directory, StoreEntryKind.File], root.Where(static e => Text(e) == "both").Select(static e => e.Kind).Order());
            Assert.Equal(["both/inner"], (await ListDirectoryAsync(store.Store, "both")).Select(Text));

            // A directory shadows a file of its name.
            Assert.Equal(StoreEntryKind.Directory, (await store.Store.StatAsync(Bytes("both"), Limit()))!.Kind);
        }
    }

    [SkippableFact]
    public async Task Read_CancelledInTheMiddle_LeavesNothingOpen()
    {
        await using ContractStore store = await OpenAsync();
        await store.PutAsync("big", Content(16 << 20));
        StoreObject big = await ObjectAsync(store.Store, "big");
        for (int i = 0; i < 10; i++)
        {
            using CancellationTokenSource cancel = new();
            CollectingSink sink = new(big.Size) { MaxBuffer = 64 << 10, OnAdvance = cancel.Cancel };
            OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.Store.ReadAsync(big, 0, big.Size, sink, cancel.Token));
            Assert.Equal(cancel.Token, e.CancellationToken);
            Assert.InRange(sink.Received, 1, big.Size - 1);
        }

        Assert.Equal(0, store.OpenHandles());
        CollectingSink whole = new(1000);
        await store.Store.ReadAsync(big, 0, 1000, whole, Limit());
    }

    [SkippableFact]
    public async Task Listing_ManyPages_YieldsEveryNameOnceInAnyOrderOfUnits()
    {
        await using ContractStore store = await OpenAsync();
        string[] names = [.. Enumerable.Range(0, 3500).Select(static i => $"flat/{i * 7919 % 100_000:d6}"), .. Enumerable.Range(0, 1500).Select(static i => $"tree/{i % 70}/{i}")];
        await store.PutAllAsync(names.Select(static n => KeyValuePair.Create(n, Array.Empty<byte>())));
        for (int seed = 0; seed < 3; seed++)
        {
            List<StoreEntry> found = await ListUnitsAsync(store.Store, new Random(seed));
            Assert.Equal(names.Order(StringComparer.Ordinal), found.Where(static e => e.Kind == StoreEntryKind.File).Select(Text).Order(StringComparer.Ordinal));
        }

        Assert.Equal(3500, (await ListDirectoryAsync(store.Store, "flat")).Count);
        Assert.Equal(70, (await ListDirectoryAsync(store.Store, "tree")).Count);
    }

    internal static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    internal static string Text(StoreEntry entry) => Encoding.UTF8.GetString(entry.Path);

    /// <summary>Ends a test that hangs.</summary>
    internal static CancellationToken Limit() => new CancellationTokenSource(s_limit).Token;

    internal static byte[] Content(int length)
    {
        byte[] content = new byte[length];
        new Random(length).NextBytes(content);
        return content;
    }

    internal static async Task<StoreObject> ObjectAsync(IUnderStore store, string path)
    {
        StoreEntry entry = (await store.StatAsync(Bytes(path), Limit()))!;
        return new StoreObject(entry.Path, entry.Size, entry.Identity);
    }

    internal static async Task<List<StoreEntry>> ListDirectoryAsync(IUnderStore store, string directory)
    {
        List<StoreEntry> all = [];
        await foreach (IReadOnlyList<StoreEntry> page in store.ListDirectoryAsync(Bytes(directory), Limit()))
        {
            all.AddRange(page);
        }

        return all;
    }

    /// <summary>Lists everything, units taken in random order and each sometimes left and taken up again from what its last page said.</summary>
    internal static async Task<List<StoreEntry>> ListUnitsAsync(IUnderStore store, Random random)
    {
        List<StoreEntry> all = [];
        List<ListUnit> units = [ListUnit.Everything];
        while (units.Count > 0)
        {
            int index = random.Next(units.Count);
            ListUnit unit = units[index];
            units.RemoveAt(index);
            await foreach (ListPage page in store.ListUnitAsync(unit, Limit()))
            {
                all.AddRange(page.Entries);
                units.AddRange(page.Split);
                if (page.Rest is not null && random.Next(3) == 0)
                {
                    units.Add(page.Rest);
                    break;
                }
            }
        }

        return all;
    }

    private static async Task<List<StoreEntry>> WalkAsync(IUnderStore store, string directory)
    {
        List<StoreEntry> all = [];
        foreach (StoreEntry entry in await ListDirectoryAsync(store, directory))
        {
            all.Add(entry);
            if (entry.Kind == StoreEntryKind.Directory)
            {
                all.AddRange(await WalkAsync(store, Text(entry)));
            }
        }

        return all;
    }

    private static string[] Files(IEnumerable<StoreEntry> entries) =>
        [.. entries.Where(static e => e.Kind == StoreEntryKind.File).Select(static e => $"{Text(e)} {e.Size}").Order(StringComparer.Ordinal)];

    private static Dictionary<string, byte[]> Tree(int seed, int count)
    {
        Random random = new(seed);
        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        while (files.Count < count)
        {
            IEnumerable<string> directories = Enumerable.Range(0, random.Next(4)).Select(_ => $"d{random.Next(4)}");
            files[string.Join('/', directories.Append($"f{random.Next(1000)}"))] = Content(random.Next(5000));
        }

        return files;
    }
}
