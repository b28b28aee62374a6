using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// A pinned version as a mount sees it. Never waits, never changes; any thread may call it. The manifest and the stores stay their
/// owner's. It must not know how versions follow one another.
/// </summary>
public sealed class ManifestTree : IDatasetTree
{
    // A pinned version never changes, so the kernel may believe us for as long as it likes; a day bounds what a mistake could cost.
    private static readonly TimeSpan s_validity = TimeSpan.FromDays(1);

    private readonly IReadOnlyList<IUnderStore> _stores;

    /// <param name="stores">One per mount of the manifest, in its order.</param>
    public ManifestTree(Manifest manifest, IReadOnlyList<IUnderStore> stores)
    {
        Invariant.That(stores.Count == manifest.Mounts.Count);
        Manifest = manifest;
        _stores = stores;
        Status = new TreeStatus
        {
            Dataset = manifest.DatasetName,
            Mode = TreeMode.Pinned,
            Version = manifest.Digest.ToString(),
            Files = manifest.Files,
            Directories = manifest.Directories,
            Bytes = manifest.Bytes,
            SmallFiles = manifest.SmallFiles,
        };
    }

    public Manifest Manifest { get; }

    public TreeStatus Status { get; }

    /// <summary>Never raised.</summary>
    public event Action<TreeChange>? Changed
    {
        add { }
        remove { }
    }

    public TimeSpan Validity => s_validity;

    public TreeOutcome TryGetEntry(ulong inode, out TreeEntry entry)
    {
        if (!Manifest.TryFindInode(inode, out long row))
        {
            entry = default;
            return TreeOutcome.Stale;
        }

        Manifest.GetEntry(row, out entry);
        return TreeOutcome.Found;
    }

    public TreeOutcome TryLookup(ulong directory, ReadOnlySpan<byte> name, out TreeEntry entry)
    {
        entry = default;
        TreeOutcome outcome = FindDirectory(directory, out long parent);
        if (outcome != TreeOutcome.Found)
        {
            return outcome;
        }

        if (!Manifest.TryLookup(parent, name, out long row))
        {
            return TreeOutcome.Missing;
        }

        Manifest.GetEntry(row, out entry);
        return TreeOutcome.Found;
    }

    public TreeOutcome TryReadDirectory<TSink>(ulong directory, ulong cookie, ref TSink sink)
        where TSink : IDirectorySink, allows ref struct
    {
        TreeOutcome outcome = FindDirectory(directory, out long row);
        if (outcome != TreeOutcome.Found)
        {
            return outcome;
        }

        // A cookie counts the entries behind us. One from nowhere lands at the end.
        NameCursor children = Manifest.Children(row, (long)Math.Min(cookie, long.MaxValue));
        while (children.MoveNext())
        {
            Manifest.GetEntry(children.Row, out TreeEntry entry);
            cookie++;
            if (!sink.TryAdd(children.Name, entry, cookie))
            {
                break;
            }
        }

        return TreeOutcome.Found;
    }

    public ValueTask LoadEntryAsync(ulong inode, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask LoadNameAsync(ulong directory, ReadOnlyMemory<byte> name, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask LoadDirectoryAsync(ulong directory, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public FileVersion? GetFile(ulong inode) =>
        Manifest.TryFindInode(inode, out long row) && Manifest.KindOf(row) == StoreEntryKind.File
            ? new FileVersion(inode, _stores[Manifest.MountOf(row)], Manifest.ObjectOf(row))
            : null;

    /// <param name="row">Of a file.</param>
    public FileVersion FileOf(long row) => new(Manifest.InodeOf(row), _stores[Manifest.MountOf(row)], Manifest.ObjectOf(row));

    public byte[]? GetLinkTarget(ulong inode) => Manifest.TryFindInode(inode, out long row) ? Manifest.LinkTargetOf(row) : null;

    public byte[]? GetPath(ulong inode) => Manifest.TryFindInode(inode, out long row) ? Manifest.PathOf(row) : null;

    public void AddReference(ulong inode)
    {
    }

    public void DropReferences(ulong inode, ulong count)
    {
    }

    private TreeOutcome FindDirectory(ulong inode, out long row) =>
        !Manifest.TryFindInode(inode, out row) ? TreeOutcome.Stale
        : Manifest.KindOf(row) == StoreEntryKind.Directory ? TreeOutcome.Found
        : TreeOutcome.NotDirectory;
}
