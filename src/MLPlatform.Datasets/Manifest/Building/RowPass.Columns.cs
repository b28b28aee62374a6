namespace MLPlatform.Datasets;

// What the pass leaves behind: temporary columns and counts, and the sums over directories that need all of them.
internal sealed partial class RowPass
{
    public TempColumn Class { get; }

    public TempColumn Size { get; }

    public TempColumn Mtime { get; }

    public TempColumn ETagParts { get; }

    public TempColumn Inode { get; }

    public TempColumn Offset { get; }

    public TempColumn NameGroups { get; }

    public TempBlob Names { get; }

    public TempBlob Texts { get; }

    public TempBlob Identity { get; }

    public TempBlob SkippedList { get; }

    public TempColumn DirectoryRow { get; }

    public TempColumn DirectoryParent { get; }

    public TempColumn DirectoryIsImplied { get; }

    public TempColumn DirectoryFirstChild { get; }

    public TempColumn DirectorySubdirectories { get; }

    public TempColumn DirectoryFiles { get; }

    public TempColumn DirectoryBytes { get; }

    public TempColumn DirectoryDirectories { get; }

    public TempColumn DirectoryNewest { get; }

    public TempColumn DirectoryObjectSize { get; }

    public IReadOnlyList<ManifestClass> Classes => _classes;

    public long Rows => Class.Count;

    public long Files { get; private set; }

    public long Links { get; private set; }

    public long Bytes { get; private set; }

    public long SmallFiles { get; private set; }

    public long Skipped { get; private set; }

    public long SkippedListed { get; private set; }

    /// <summary>Behind the last number that is used; what is only reserved does not make another version of the same tree.</summary>
    public ulong NextInode { get; private set; }

    /// <summary>Some row has an identity, a link's target or a text.</summary>
    public bool HasIdentities { get; private set; }

    /// <summary>Some number differs from its row plus one.</summary>
    public bool InodesDiffer { get; private set; }

    /// <summary>Some directory stands for a shard.</summary>
    public bool HasShards { get; private set; }

    public void Dispose()
    {
        IDisposable[] all =
        [
            _queue, Class, Size, Mtime, ETagParts, Inode, NameGroups, Names, Texts, Identity, SkippedList, DirectoryRow, DirectoryParent, DirectoryIsImplied,
            DirectoryFirstChild, DirectorySubdirectories, DirectoryFiles, DirectoryBytes, DirectoryDirectories, DirectoryNewest,
            Offset, DirectoryObjectSize,
        ];
        foreach (IDisposable one in all)
        {
            one.Dispose();
        }
    }

    private TempColumn Column(string name) => new(Path.Combine(_options.WorkDirectory, "column-" + name));

    private TempBlob Blob(string name) => new(Path.Combine(_options.WorkDirectory, "column-" + name));

    /// <summary>Adds what lies deeper to each directory; children have higher numbers than their parents.</summary>
    private void SumUp()
    {
        using MappedColumn parent = DirectoryParent.Map();
        using MappedColumn files = DirectoryFiles.Map();
        using MappedColumn bytes = DirectoryBytes.Map();
        using MappedColumn directories = DirectoryDirectories.Map();
        using MappedColumn newest = DirectoryNewest.Map();
        using MappedColumn row = DirectoryRow.Map();
        using MappedColumn implied = DirectoryIsImplied.Map();
        using MappedColumn mtime = Mtime.Map();
        for (long i = DirectoryRow.Count - 1; i >= 0; i--)
        {
            if (i > 0)
            {
                long p = parent[i];
                files[p] += files[i];
                bytes[p] += bytes[i];
                directories[p] += directories[i] + 1;
                newest[p] = Math.Max(newest[p], newest[i]);
            }

            // A directory that no store has as a thing of its own is as old as the newest thing in it.
            if (implied[i] != 0)
            {
                mtime[row[i]] = newest[i] == long.MinValue ? 0 : newest[i];
            }
        }
    }
}
