using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Live;

/// <summary>Asks a tree as the file system layer does: try, load what has to wait, try again.</summary>
internal sealed class TreeReader(IDatasetTree tree)
{
    public async Task<TreeEntry?> LookupAsync(ulong directory, string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        for (int attempt = 0; attempt < 10; attempt++)
        {
            TreeOutcome outcome = tree.TryLookup(directory, bytes, out TreeEntry entry);
            switch (outcome)
            {
                case TreeOutcome.Found:
                    return entry;
                case TreeOutcome.MustWait:
                    await tree.LoadNameAsync(directory, bytes, CancellationToken.None);
                    break;
                case TreeOutcome.Missing:
                    return null;
                default:
                    throw new CacheException(CacheError.VersionChanged, $"{outcome} for {name} in {directory}");
            }
        }

        throw new InvalidOperationException("The tree asks to wait again and again.");
    }

    public async Task<TreeEntry?> WalkAsync(string path)
    {
        TreeEntry? at = null;
        ulong directory = 1;
        foreach (string name in path.Split('/'))
        {
            at = await LookupAsync(directory, name);
            if (at is null)
            {
                return null;
            }

            directory = at.Value.Inode;
        }

        return at;
    }

    /// <summary>Reads a directory in batches, running <paramref name="between"/> in between.</summary>
    public async Task<List<(string Name, TreeEntry Entry)>> ListAsync(ulong directory = 1, int batch = int.MaxValue, Func<Task>? between = null)
    {
        var all = new List<(string, TreeEntry)>();
        ulong cookie = 0;
        int waits = 0;
        while (true)
        {
            (TreeOutcome outcome, List<(string Name, TreeEntry Entry, ulong Cookie)> got) = ReadBatch(directory, cookie, batch);
            if (outcome == TreeOutcome.MustWait)
            {
                Assert.True(++waits < 1000);
                await tree.LoadDirectoryAsync(directory, CancellationToken.None);
                continue;
            }

            if (outcome != TreeOutcome.Found)
            {
                throw new CacheException(CacheError.VersionChanged, $"{outcome} for directory {directory}");
            }

            if (got.Count == 0)
            {
                return all;
            }

            all.AddRange(got.Select(e => (e.Name, e.Entry)));
            cookie = got[^1].Cookie;
            if (between is not null)
            {
                await between();
            }
        }
    }

    public (TreeOutcome Outcome, List<(string Name, TreeEntry Entry, ulong Cookie)> Entries) ReadBatch(ulong directory, ulong cookie, int batch)
    {
        var sink = new Sink(batch);
        TreeOutcome outcome = tree.TryReadDirectory(directory, cookie, ref sink);
        return (outcome, sink.Entries);
    }

    public static string Describe(FileVersion file) => $"{Encoding.UTF8.GetString(file.Object.Path)} {file.Object.Identity} {file.Object.Size}";

    public static string Describe(StoreEntryKind kind) => kind.ToString();

    private struct Sink(int batch) : IDirectorySink
    {
        public List<(string Name, TreeEntry Entry, ulong Cookie)> Entries { get; } = [];

        public readonly bool TryAdd(ReadOnlySpan<byte> name, in TreeEntry entry, ulong nextCookie)
        {
            if (Entries.Count >= batch)
            {
                return false;
            }

            Entries.Add((Encoding.UTF8.GetString(name), entry, nextCookie));
            return true;
        }
    }
}
