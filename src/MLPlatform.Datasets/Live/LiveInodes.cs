using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// The numbers of one raw source, as its live tree and the builder of its manifest share them: both take over what the version before it gave out,
/// both take new ones from the same reservations, and the builder takes over what the live tree gave out.
/// </summary>
/// <param name="previous">Stays the caller's; null when there was none.</param>
internal sealed class LiveInodes(InodeReservations reservations, Manifest? previous) : IInodeNumbers, IInodeSource
{
    /// <summary>Set once, before anybody asks for it.</summary>
    public LiveTree? Tree { get; set; }

    public bool HasPast => previous is not null;

    public ulong Take() => reservations.Take();

    public ulong Reserve(ulong atLeast, ulong count) => reservations.Reserve(atLeast, count);

    public bool TryGetInode(ReadOnlySpan<byte> path, StoreEntryKind kind, in ObjectIdentity identity, long size, out ulong inode)
    {
        inode = 0;
        return Tree is not null && Tree.TryFindNumber(path, kind, size, identity, out inode);
    }

    public bool TryRecall(ReadOnlySpan<byte> path, StoreEntryKind kind, in ObjectIdentity identity, long size, out ulong inode)
    {
        inode = 0;
        if (previous is null || !previous.TryFindPath(path, out long row) || previous.KindOf(row) != kind)
        {
            return false;
        }

        if (kind == StoreEntryKind.File && (previous.SizeOf(row) != size || previous.IdentityOf(row) != identity))
        {
            return false;
        }

        inode = previous.InodeOf(row);
        return true;
    }
}
