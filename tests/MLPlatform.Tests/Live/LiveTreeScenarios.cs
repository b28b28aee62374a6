using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Live;

/// <summary>A live tree over a real directory, and under many threads.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class LiveTreeScenarios : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("mlp-live-").FullName;

    public void Dispose() => Directory.Delete(_directory, true);

    [Fact]
    public async Task Directory_WithFilesLinksAndModes_ShowsThem()
    {
        Directory.CreateDirectory(Path.Combine(_directory, "sub"));
        await File.WriteAllTextAsync(Path.Combine(_directory, "sub", "f"), "hello");
        File.SetUnixFileMode(Path.Combine(_directory, "sub", "f"), UnixFileMode.UserRead);
        File.CreateSymbolicLink(Path.Combine(_directory, "link"), "sub/f");
        await using IUnderStore store = Open();
        await using var tree = new LiveTree("dir", [new TreeMount([], store)], new CountingNumbers(), new LiveTreeOptions(), TimeProvider.System);
        var reader = new TreeReader(tree);
        Assert.Equal(["link", "sub"], (await reader.ListAsync()).Select(e => e.Name).Order());
        TreeEntry file = (await reader.WalkAsync("sub/f"))!.Value;
        Assert.Equal(5, file.Size);
        Assert.Equal((ushort)0b100_000_000, file.Mode);
        TreeEntry link = (await reader.WalkAsync("link"))!.Value;
        Assert.Equal(StoreEntryKind.SymbolicLink, link.Kind);
        Assert.Equal("sub/f"u8.ToArray(), tree.GetLinkTarget(link.Inode));
        Assert.Null(tree.GetFile(link.Inode));
        Assert.Null(tree.GetLinkTarget(file.Inode));
    }

    [Fact]
    public async Task Directory_FileIsReplacedAndRemoved_IsSeenAfterTheTtl()
    {
        string path = Path.Combine(_directory, "f");
        await File.WriteAllTextAsync(path, "one");
        await using IUnderStore store = Open();
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var tree = new LiveTree("dir", [new TreeMount([], store)], new CountingNumbers(), new LiveTreeOptions(), time);
        var reader = new TreeReader(tree);
        TreeEntry first = (await reader.LookupAsync(1, "f"))!.Value;
        await File.WriteAllTextAsync(path, "three");
        time.Advance(TimeSpan.FromMinutes(1));
        TreeEntry second = (await reader.LookupAsync(1, "f"))!.Value;
        Assert.NotEqual(first.Inode, second.Inode);
        Assert.Equal(5, second.Size);
        Assert.Equal(3, tree.GetFile(first.Inode)!.Object.Size);
        File.Delete(path);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await reader.LookupAsync(1, "f"));
    }

    [Fact]
    public async Task Directory_ThatIsGone_SaysNotFound()
    {
        Directory.CreateDirectory(Path.Combine(_directory, "d"));
        await using IUnderStore store = Open();
        await using var tree = new LiveTree("dir", [new TreeMount([], store)], new CountingNumbers(), new LiveTreeOptions(), TimeProvider.System);
        var reader = new TreeReader(tree);
        ulong directory = (await reader.LookupAsync(1, "d"))!.Value.Inode;
        Directory.Delete(Path.Combine(_directory, "d"));
        Assert.Equal(CacheError.NotFound, (await Assert.ThrowsAsync<CacheException>(() => reader.ListAsync(directory))).Error);
    }

    [Fact]
    public async Task ManyThreads_LookListHoldAndDrop_WhileTheStoreChanges()
    {
        var store = new MemoryStore();
        for (int i = 0; i < 400; i++)
        {
            store.Put($"d{i % 4}/f{i}");
        }

        await using var tree = new LiveTree("test", [new TreeMount([], store)], new CountingNumbers(), new LiveTreeOptions { MaxRecentNames = 16, MaxListedEntries = 64, MetadataTtl = TimeSpan.FromMilliseconds(1) }, TimeProvider.System);
        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                store.Put($"d{i % 4}/f{i % 400}");
                await Task.Yield();
            }
        });
        var seen = new System.Collections.Concurrent.ConcurrentDictionary<ulong, string>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() => Read(tree, new Random(seed), seen))));
        await stop.CancelAsync();
        await writer;

        // Nobody holds anything now: a few more questions push everything out.
        var last = new TreeReader(tree);
        for (int i = 0; i < 100; i++)
        {
            await last.LookupAsync(1, $"absent{i}");
        }

        Assert.InRange(tree.KnownNumbers, 1, 20);
    }

    private static async Task Read(LiveTree tree, Random random, System.Collections.Concurrent.ConcurrentDictionary<ulong, string> seen)
    {
        var reader = new TreeReader(tree);
        var held = new List<ulong>();
        for (int i = 0; i < 400; i++)
        {
            try
            {
                if (await reader.LookupAsync(1, $"d{random.Next(4)}") is not { } directory)
                {
                    continue;
                }

                tree.AddReference(directory.Inode);
                held.Add(directory.Inode);
                if (random.Next(8) == 0)
                {
                    await reader.ListAsync(directory.Inode, 50);
                }
                else if (await reader.LookupAsync(directory.Inode, $"f{random.Next(400)}") is { } entry)
                {
                    tree.AddReference(entry.Inode);
                    held.Add(entry.Inode);
                    if (tree.GetFile(entry.Inode) is { } file)
                    {
                        string version = TreeReader.Describe(file);
                        Assert.Equal(version, seen.GetOrAdd(entry.Inode, version));
                    }
                }
            }
            catch (CacheException e) when (e.Error == CacheError.VersionChanged)
            {
                // With so little memory a directory may be forgotten before we hold it; the kernel looks it up again.
            }

            while (held.Count > 20)
            {
                tree.DropReferences(held[0], 1);
                held.RemoveAt(0);
            }
        }

        foreach (ulong inode in held)
        {
            tree.DropReferences(inode, 1);
        }
    }

    private IUnderStore Open() => UnderStoreFactory.Open(_directory, new UnderStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);
}
