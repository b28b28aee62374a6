using System.Runtime.CompilerServices;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>What happened between two versions of one dataset, the later built upon the earlier: numbers are compared, not names of objects.</summary>
public sealed record ManifestDiff
{
    /// <summary>Files that only the new version has, at any depth.</summary>
    public required long Added { get; init; }

    /// <summary>Files of both versions whose bytes may differ: their inode number does.</summary>
    public required long Changed { get; init; }

    public required long Removed { get; init; }

    /// <summary>Bytes of added and changed files.</summary>
    public required long NewBytes { get; init; }

    /// <summary>Names that now lead elsewhere or nowhere, by the inode number of their directory; null when there are more than the limit.</summary>
    public required IReadOnlyList<(ulong Directory, byte[] Name)>? Names { get; init; }

    /// <summary>Inode numbers of both versions whose attributes or list of names differ. Empty when <see cref="Names"/> is null: who forgets every name asks again for all attributes.</summary>
    public required IReadOnlyList<ulong> Inodes { get; init; }

    public TreeChange ToTreeChange(TreeStatus status) => new(status, Names, Inodes);

    /// <summary>Walks both versions side by side, directory by directory. Memory grows with the changes up to the limit and with the directories that wait for their turn.</summary>
    /// <param name="limit">Most names, and most inode numbers, that are worth telling one by one.</param>
    public static ManifestDiff Compare(Manifest before, Manifest after, int limit, CancellationToken cancellationToken)
    {
        var walk = new Walk(before, after, limit);
        walk.Run(cancellationToken);
        return walk.Result();
    }

    private sealed class Walk(Manifest before, Manifest after, int limit)
    {
        private readonly Stack<(long Before, long After)> _directories = new();
        private readonly List<ulong> _inodes = [];
        private List<(ulong Directory, byte[] Name)>? _names = [];
        private long _added;
        private long _changed;
        private long _removed;
        private long _newBytes;

        public void Run(CancellationToken cancellationToken)
        {
            if (AttributesDiffer(Manifest.RootRow, Manifest.RootRow))
            {
                AddInode(ManifestFormat.RootInode);
            }

            _directories.Push((Manifest.RootRow, Manifest.RootRow));
            while (_directories.TryPop(out (long Before, long After) pair))
            {
                cancellationToken.ThrowIfCancellationRequested();
                CompareDirectory(pair.Before, pair.After);
            }
        }

        public ManifestDiff Result() => new()
        {
            Added = _added,
            Changed = _changed,
            Removed = _removed,
            NewBytes = _newBytes,
            Names = _names,
            Inodes = _names is null ? [] : _inodes,
        };

        [SkipLocalsInit]
        private void CompareDirectory(long oldDirectory, long newDirectory)
        {
            ulong inode = after.InodeOf(newDirectory);
            NameCursor oldChildren = before.Children(oldDirectory);
            NameCursor newChildren = after.Children(newDirectory);
            bool hasOld = oldChildren.MoveNext();
            bool hasNew = newChildren.MoveNext();
            bool namesDiffer = false;
            while (hasOld || hasNew)
            {
                int order = !hasOld ? 1 : !hasNew ? -1 : oldChildren.Name.SequenceCompareTo(newChildren.Name);
                if (order < 0)
                {
                    Remove(oldChildren.Row);
                    AddName(inode, oldChildren.Name);
                    namesDiffer = true;
                }
                else if (order > 0)
                {
                    Add(newChildren.Row);
                    AddName(inode, newChildren.Name);
                    namesDiffer = true;
                }
                else
                {
                    namesDiffer |= CompareRows(inode, oldChildren.Row, newChildren.Row, newChildren.Name);
                }

                hasOld = order <= 0 ? oldChildren.MoveNext() : hasOld;
                hasNew = order >= 0 ? newChildren.MoveNext() : hasNew;
            }

            // The kernel may hold this directory's listing even where its attributes stay as they were.
            if (namesDiffer && !AttributesDiffer(oldDirectory, newDirectory))
            {
                AddInode(inode);
            }
        }

        /// <returns>True when the name leads to another inode number now.</returns>
        private bool CompareRows(ulong directory, long oldRow, long newRow, ReadOnlySpan<byte> name)
        {
            StoreEntryKind oldKind = before.KindOf(oldRow);
            StoreEntryKind newKind = after.KindOf(newRow);
            ulong inode = after.InodeOf(newRow);
            if (before.InodeOf(oldRow) == inode && oldKind == newKind)
            {
                if (AttributesDiffer(oldRow, newRow))
                {
                    AddInode(inode);
                }

                if (newKind == StoreEntryKind.Directory)
                {
                    _directories.Push((oldRow, newRow));
                }

                return false;
            }

            AddName(directory, name);
            if (oldKind == StoreEntryKind.File && newKind == StoreEntryKind.File)
            {
                _changed++;
                _newBytes += after.SizeOf(newRow);
            }
            else
            {
                Remove(oldRow);
                Add(newRow);
            }

            return true;
        }

        private bool AttributesDiffer(long oldRow, long newRow)
        {
            before.GetEntry(oldRow, out TreeEntry old);
            after.GetEntry(newRow, out TreeEntry now);
            return old.Size != now.Size || old.MtimeNanoseconds != now.MtimeNanoseconds || old.Kind != now.Kind || old.Mode != now.Mode
                || old.Uid != now.Uid || old.Gid != now.Gid || old.LinkCount != now.LinkCount;
        }

        private void Add(long row)
        {
            DirectoryTotals totals = TotalsOf(after, row);
            _added += totals.Files;
            _newBytes += totals.Bytes;
        }

        private void Remove(long row) => _removed += TotalsOf(before, row).Files;

        private static DirectoryTotals TotalsOf(Manifest manifest, long row) => manifest.KindOf(row) switch
        {
            StoreEntryKind.Directory => manifest.TotalsOf(row),
            StoreEntryKind.File => new DirectoryTotals(1, 0, manifest.SizeOf(row)),
            _ => default,
        };

        private void AddName(ulong directory, ReadOnlySpan<byte> name)
        {
            if (_names is { } names)
            {
                names.Add((directory, name.ToArray()));
                ForgetBeyondLimit();
            }
        }

        private void AddInode(ulong inode)
        {
            if (_names is not null)
            {
                _inodes.Add(inode);
                ForgetBeyondLimit();
            }
        }

        private void ForgetBeyondLimit()
        {
            if (_names!.Count > limit || _inodes.Count > limit)
            {
                _names = null;
                _inodes.Clear();
            }
        }
    }
}
