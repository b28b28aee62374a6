using System.Text;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Manifests;

public sealed class ManifestTreeTests : IDisposable
{
    private readonly ManifestFolder _folder = new();
    private readonly PagedStore _store = new([], byDirectory: false);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Answers_OfAPinnedTree_AreFoundMissingNotDirectoryOrStale()
    {
        using Manifest manifest = await _folder.OpenAsync([ManifestFolder.FileEntry("d/f", 7), new StoreEntry { Path = "l"u8.ToArray(), Kind = StoreEntryKind.SymbolicLink, LinkTarget = "d/f"u8.ToArray() }]);
        var tree = new ManifestTree(manifest, [_store]);

        Assert.Equal(TreeOutcome.Found, tree.TryLookup(1, "d"u8, out TreeEntry directory));
        Assert.Equal(TreeOutcome.Found, tree.TryLookup(directory.Inode, "f"u8, out TreeEntry file));
        Assert.Equal(TreeOutcome.Missing, tree.TryLookup(1, "nothing"u8, out _));
        Assert.Equal(TreeOutcome.NotDirectory, tree.TryLookup(file.Inode, "f"u8, out _));
        Assert.Equal(TreeOutcome.Stale, tree.TryLookup(999, "f"u8, out _));
        Assert.Equal(TreeOutcome.Stale, tree.TryGetEntry(999, out _));
        Assert.Equal(TreeOutcome.Found, tree.TryGetEntry(file.Inode, out TreeEntry again));
        Assert.Equal((file.Inode, 7L), (again.Inode, again.Size));
        var sink = new CountingSink();
        Assert.Equal(TreeOutcome.NotDirectory, tree.TryReadDirectory(file.Inode, 0, ref sink));
        Assert.Equal(TreeOutcome.Stale, tree.TryReadDirectory(999, 0, ref sink));

        Assert.Equal(("d/f", 7L, _store), (tree.GetFile(file.Inode)!.Object.DisplayPath, tree.GetFile(file.Inode)!.Object.Size, tree.GetFile(file.Inode)!.Store));
        Assert.Null(tree.GetFile(directory.Inode));
        Assert.Null(tree.GetFile(999));
        Assert.Equal(TreeOutcome.Found, tree.TryLookup(1, "l"u8, out TreeEntry link));
        Assert.Equal((StoreEntryKind.SymbolicLink, 3L), (link.Kind, link.Size));
        Assert.Equal("d/f"u8.ToArray(), tree.GetLinkTarget(link.Inode));
        Assert.Null(tree.GetLinkTarget(file.Inode));
        Assert.Equal("d/f"u8.ToArray(), tree.GetPath(file.Inode));
        Assert.Equal([], tree.GetPath(1)!);
        Assert.Equal((TreeMode.Pinned, 1L, 2L, 7L, manifest.Digest.ToString()), (tree.Status.Mode, tree.Status.Files, tree.Status.Directories, tree.Status.Bytes, tree.Status.Version));
    }

    [Fact]
    public async Task ReadDirectory_InRepliesOfAnySize_GivesEveryNameOnceAndInOrder()
    {
        string[] names = [.. Enumerable.Range(0, 100).Select(i => $"n{i * 7919 % 1000:000}").Order(StringComparer.Ordinal)];
        using Manifest manifest = await _folder.OpenAsync([.. names.Select(n => ManifestFolder.FileEntry("d/" + n)), ManifestFolder.FileEntry("a/x"), ManifestFolder.FileEntry("z")]);
        var tree = new ManifestTree(manifest, [_store]);
        tree.TryLookup(1, "d"u8, out TreeEntry directory);
        for (int room = 1; room < 40; room += 3)
        {
            var seen = new List<string>();
            ulong cookie = 0;
            CountingSink sink;
            do
            {
                sink = new CountingSink { Room = room, Names = seen };
                Assert.Equal(TreeOutcome.Found, tree.TryReadDirectory(directory.Inode, cookie, ref sink));
                cookie = sink.LastCookie;
            }
            while (sink.Taken > 0);
            Assert.Equal(names, seen);
        }

        var beyond = new CountingSink();
        Assert.Equal(TreeOutcome.Found, tree.TryReadDirectory(directory.Inode, ulong.MaxValue, ref beyond));
        Assert.Equal(0, beyond.Taken);
    }

    [Fact]
    public async Task LookupsEntriesAndReadDirectory_OnceWarm_AllocateNothing()
    {
        StoreEntry[] entries = [.. Enumerable.Range(0, 5000).Select(i => ManifestFolder.FileEntry($"train/n{i / 50:00000}/n{i / 50:00000}_{i}.JPEG", i))];
        using Manifest first = await _folder.OpenAsync(entries);

        // The second has its own numbers, so that both ways from a number to a row are measured.
        using Manifest second = await _folder.OpenAsync(entries.Where((_, i) => i % 3 != 0), _folder.Options(previous: first));
        foreach (Manifest manifest in new[] { first, second })
        {
            var tree = new ManifestTree(manifest, [_store]);
            WalkAll(tree);
            long before = GC.GetAllocatedBytesForCurrentThread();
            int names = WalkAll(tree);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(manifest.RowCount - 1, names);
        }
    }

    private static int WalkAll(ManifestTree tree)
    {
        Assert.True(tree.TryLookup(1, "train"u8, out TreeEntry train) == TreeOutcome.Found);
        Span<byte> name = stackalloc byte[6];
        int names = 1;
        for (int i = 0; i < 100; i++)
        {
            Assert.True(Encoding.ASCII.TryGetBytes("n00000", name, out _));
            name[4] = (byte)('0' + (i / 10));
            name[5] = (byte)('0' + (i % 10));
            Assert.True(tree.TryLookup(train.Inode, name, out TreeEntry directory) == TreeOutcome.Found);
            Assert.True(tree.TryLookup(directory.Inode, "nothing"u8, out _) == TreeOutcome.Missing);
            var sink = new EntrySink(tree);
            Assert.True(tree.TryReadDirectory(directory.Inode, 0, ref sink) == TreeOutcome.Found);
            names += sink.Count + 1;
        }

        return names;
    }

    private struct CountingSink() : IDirectorySink
    {
        public int Room { get; init; } = int.MaxValue;

        public List<string>? Names { get; init; }

        public int Taken { get; private set; }

        public ulong LastCookie { get; private set; }

        public bool TryAdd(ReadOnlySpan<byte> name, in TreeEntry entry, ulong nextCookie)
        {
            if (Taken == Room)
            {
                return false;
            }

            Taken++;
            LastCookie = nextCookie;
            Names?.Add(Encoding.UTF8.GetString(name));
            return true;
        }
    }

    private ref struct EntrySink(ManifestTree tree) : IDirectorySink
    {
        public int Count { get; private set; }

        public bool TryAdd(scoped ReadOnlySpan<byte> name, scoped in TreeEntry entry, ulong nextCookie)
        {
            Count += tree.TryGetEntry(entry.Inode, out TreeEntry same) == TreeOutcome.Found && same.Size == entry.Size ? 1 : 0;
            return true;
        }
    }
}
