using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>Inode numbers that nobody had before in the dataset's life. Any thread may call it, also under the lock of a directory, so it takes no time.</summary>
public interface IInodeNumbers
{
    /// <summary>A number greater than 1 (the root's), never given out before and never again.</summary>
    ulong Take();

    /// <summary>True where <see cref="TryRecall"/> may know something.</summary>
    bool HasPast => false;

    /// <summary>The number that an earlier manifest of the same stores gave to this very version of a path.</summary>
    bool TryRecall(ReadOnlySpan<byte> path, StoreEntryKind kind, in ObjectIdentity identity, long size, out ulong inode)
    {
        inode = 0;
        return false;
    }
}
