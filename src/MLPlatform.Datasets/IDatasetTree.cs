using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>
/// The names and attributes of a dataset as a mount shows them, by inode number. Any thread may call it. The <c>Try…</c> methods never
/// wait and allocate nothing for a pinned version; a live tree answers <see cref="TreeOutcome.MustWait"/> where it has to ask the store.
/// Waiting methods throw <see cref="CacheException"/>.
/// </summary>
public interface IDatasetTree
{
    /// <summary>What this tree is now; changes when a listing completes or a new version is followed.</summary>
    TreeStatus Status { get; }

    /// <summary>Raised after <see cref="Status"/> changed, with the inode numbers whose names or bytes kernel caches must drop.</summary>
    event Action<TreeChange>? Changed;

    TreeOutcome TryGetEntry(ulong inode, out TreeEntry entry);

    TreeOutcome TryLookup(ulong directory, ReadOnlySpan<byte> name, out TreeEntry entry);

    /// <summary>Hands the entries of a directory that come after <paramref name="cookie"/> (0: from the start; <c>.</c> and <c>..</c> are not among them) to the sink.</summary>
    /// <returns>Found also when there are no more.</returns>
    TreeOutcome TryReadDirectory<TSink>(ulong directory, ulong cookie, ref TSink sink)
        where TSink : IDirectorySink, allows ref struct;

    /// <summary>Asks the store so that a later <c>Try…</c> of the same attributes does not have to wait, until the TTL ends.</summary>
    ValueTask LoadEntryAsync(ulong inode, CancellationToken cancellationToken);

    /// <summary>As above, for one name of a directory; does not list the whole directory where one question will do.</summary>
    ValueTask LoadNameAsync(ulong directory, ReadOnlyMemory<byte> name, CancellationToken cancellationToken);

    /// <summary>As above, for a whole directory.</summary>
    ValueTask LoadDirectoryAsync(ulong directory, CancellationToken cancellationToken);

    /// <summary>The version of a file that this inode number stands for, or null when it is none.</summary>
    FileVersion? GetFile(ulong inode);

    /// <summary>Bytes of a symbolic link's target, or null.</summary>
    byte[]? GetLinkTarget(ulong inode);

    /// <summary>Path bytes below the dataset's root, no leading slash, or null for an unknown inode.</summary>
    byte[]? GetPath(ulong inode);

    /// <summary>How long the kernel may believe names and attributes without asking.</summary>
    TimeSpan Validity { get; }

    /// <summary>The kernel gave out (a lookup or readdirplus answer) one more reference to an inode number. A pinned version ignores it.</summary>
    void AddReference(ulong inode);

    /// <summary>The kernel dropped references.</summary>
    void DropReferences(ulong inode, ulong count);
}
