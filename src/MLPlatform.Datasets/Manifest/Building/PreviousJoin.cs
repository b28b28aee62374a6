using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Walks the last version in step with the new rows, directory by directory, both in the order of their names, to find what is unchanged.
/// For one thread.
/// </summary>
internal sealed class PreviousJoin
{
    private readonly Manifest? _previous;
    private readonly int[] _newMount;
    private NameCursor _children;
    private bool _hasChild;

    public PreviousJoin(Manifest? previous, IReadOnlyList<ManifestMount> mounts)
    {
        _previous = previous;
        _newMount = new int[previous?.Mounts.Count ?? 0];
        for (int i = 0; i < _newMount.Length; i++)
        {
            _newMount[i] = IndexOf(mounts, previous!.Mounts[i]);
        }
    }

    /// <summary>Turns to the children of a directory.</summary>
    /// <param name="previousRow">The directory's row in the last version, or −1.</param>
    public void Enter(long previousRow)
    {
        _hasChild = previousRow >= 0;
        if (_hasChild)
        {
            _children = _previous!.Children(previousRow);
            _hasChild = _children.MoveNext();
        }
    }

    /// <summary>Finds a name in the current directory; names come in their order.</summary>
    /// <returns>Its row in the last version, or −1.</returns>
    public long Find(ReadOnlySpan<byte> name)
    {
        while (_hasChild)
        {
            int order = _children.Name.SequenceCompareTo(name);
            if (order >= 0)
            {
                return order == 0 ? _children.Row : -1;
            }

            _hasChild = _children.MoveNext();
        }

        return -1;
    }

    /// <summary>The row to go on with for a directory's children: −1 where the last version has no directory there.</summary>
    public long AsDirectory(long previousRow) =>
        previousRow >= 0 && _previous!.KindOf(previousRow) == StoreEntryKind.Directory ? previousRow : -1;

    /// <summary>The number that a name keeps because it stands for the same thing as in the last version.</summary>
    public bool TryKeepInode(long previousRow, in SortRecord record, out ulong inode)
    {
        inode = 0;
        if (previousRow < 0 || !IsUnchanged(_previous!, previousRow, record))
        {
            return false;
        }

        inode = _previous!.InodeOf(previousRow);
        return true;
    }

    private bool IsUnchanged(Manifest previous, long row, in SortRecord record)
    {
        StoreEntryKind kind = previous.KindOf(row);
        if (kind != record.Kind)
        {
            return false;
        }

        if (kind == StoreEntryKind.Directory)
        {
            return true; // A directory's number stands for its path.
        }

        if (_newMount[previous.MountOf(row)] != record.Mount || previous.IsMember(row) != record.IsMember || previous.OffsetOf(row) != (record.IsMember ? record.Offset : 0))
        {
            return false;
        }

        if (kind == StoreEntryKind.SymbolicLink)
        {
            return record.Text.SequenceEqual(previous.LinkTargetOf(row));
        }

        // A store that cannot tell versions apart still has times.
        return previous.SizeOf(row) == record.Size
            && previous.IdentityOf(row) == record.Identity
            && (record.IdentityKind != IdentityKind.None || previous.MtimeOf(row) == record.MtimeNanoseconds);
    }

    private static int IndexOf(IReadOnlyList<ManifestMount> mounts, ManifestMount mount)
    {
        for (int i = 0; i < mounts.Count; i++)
        {
            if (mounts[i] == mount)
            {
                return i;
            }
        }

        return -1;
    }
}
