namespace MLPlatform.Datasets;

/// <summary>What a kernel may still remember that is no longer so.</summary>
/// <param name="Status">The tree's new status.</param>
/// <param name="Names">Names that now lead elsewhere or nowhere: (directory inode, name bytes). Null: too many to tell, forget all names.</param>
/// <param name="Inodes">Inode numbers whose attributes or pages must go (gone files keep theirs: open readers may finish).</param>
public sealed record TreeChange(TreeStatus Status, IReadOnlyList<(ulong Directory, byte[] Name)>? Names, IReadOnlyList<ulong> Inodes);
