using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Inode numbers that a live mount of the same tree has handed out while the listing went on. A manifest keeps them, so that the mount
/// can move to it without the kernel noticing. Called from one thread, while the mount goes on handing out numbers.
/// </summary>
public interface IInodeSource
{
    /// <summary>The number that stands for this path and version, if anybody was given one. The root is never asked for.</summary>
    /// <param name="path">Below the dataset's root, no leading slash.</param>
    /// <param name="identity">Of a file; a directory and a link go by their path.</param>
    bool TryGetInode(ReadOnlySpan<byte> path, StoreEntryKind kind, in ObjectIdentity identity, long size, out ulong inode);

    /// <summary>Sets numbers aside that the mount then never hands out. Called when the builder has none left, for some thousand up to a million.</summary>
    /// <param name="atLeast">The first must not be below this: numbers below it are used.</param>
    /// <returns>The first of <paramref name="count"/> consecutive numbers.</returns>
    ulong Reserve(ulong atLeast, ulong count);
}
