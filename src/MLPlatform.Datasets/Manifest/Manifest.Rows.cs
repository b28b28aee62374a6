using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

// Rows by number, by inode and by their directory: attributes, identity, totals.
public sealed partial class Manifest
{
    /// <summary>The root's row.</summary>
    public const long RootRow = 0;

    private Column _class;
    private Column _size;
    private Column _mtime;
    private Column _etagParts;
    private Column _inode;
    private Column _inodeOrder;
    private Column _directoryRow;
    private Column _firstChild;
    private Column _subdirectories;
    private Column _filesBelow;
    private Column _bytesBelow;
    private Column _directoriesBelow;
    private Column _offset;
    private Column _objectSize;
    private ManifestSection _classes;
    private ManifestSection _identity;
    private ManifestSection _texts;
    private bool _inodeIsRow;

    /// <returns>False for a number that no name of this version has.</returns>
    public bool TryFindInode(ulong inode, out long row)
    {
        if (_inodeIsRow)
        {
            row = (long)(inode - ManifestFormat.RootInode);
            return (ulong)row < (ulong)RowCount;
        }

        long low = 0;
        long high = RowCount;
        while (low < high)
        {
            long middle = low + ((high - low) >> 1);
            row = (long)_inodeOrder[middle];
            ulong found = _inode[row];
            if (found == inode)
            {
                return true;
            }

            if (found < inode)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        row = -1;
        return false;
    }

    public ulong InodeOf(long row) => _inodeIsRow ? (ulong)row + ManifestFormat.RootInode : _inode[row];

    public StoreEntryKind KindOf(long row) => ClassOf(row).Kind;

    /// <summary>Bytes of a file; 0 for others.</summary>
    public long SizeOf(long row) => KindOf(row) == StoreEntryKind.File ? (long)_size[row] : 0;

    /// <summary>Index into <see cref="Mounts"/>: whose store has it.</summary>
    public int MountOf(long row)
    {
        int mount = ClassOf(row).Mount;
        return (uint)mount < (uint)Mounts.Count ? mount : throw _pages.Damaged("a row belongs to no mount");
    }

    public void GetEntry(long row, out TreeEntry entry)
    {
        ManifestClass rowClass = ClassOf(row);
        entry.Inode = InodeOf(row);
        entry.MtimeNanoseconds = (long)_mtime[row];
        entry.Kind = rowClass.Kind;
        entry.Mode = rowClass.Mode;
        entry.Uid = rowClass.Uid;
        entry.Gid = rowClass.Gid;
        entry.LinkCount = 1;
        switch (rowClass.Kind)
        {
            case StoreEntryKind.Directory:
                long directory = (long)_size[row];
                entry.Size = (long)_bytesBelow[directory];
                entry.LinkCount = (uint)Math.Min(_subdirectories[directory] + 2, uint.MaxValue);
                break;
            case StoreEntryKind.File:
                entry.Size = (long)_size[row];
                break;
            default:
                entry.Size = TextLength(row);
                break;
        }
    }

    /// <summary>Rows of a directory's children.</summary>
    public (long First, long Count) ChildrenOf(long directoryRow)
    {
        long directory = DirectoryOf(directoryRow);
        long first = (long)_firstChild[directory];
        long end = (long)_firstChild[directory + 1];
        return first >= 0 && first <= end && end <= RowCount ? (first, end - first) : throw _pages.Damaged("a directory's children lie outside the tree");
    }

    public DirectoryTotals TotalsOf(long directoryRow)
    {
        long directory = DirectoryOf(directoryRow);
        return new DirectoryTotals((long)_filesBelow[directory], (long)_directoriesBelow[directory], (long)_bytesBelow[directory]);
    }

    /// <summary>Row of the directory that holds a row; the root's is the root.</summary>
    public long ParentOf(long row)
    {
        if (row == RootRow)
        {
            return RootRow;
        }

        // The children of all directories tile the rows behind the root in the order of the directories.
        long directory = _firstChild.LastAtMost((ulong)row, 0, _header.Directories);
        long parent = directory < 0 ? row : (long)_directoryRow[directory];
        return (ulong)parent < (ulong)row ? parent : throw _pages.Damaged("a row lies in no directory");
    }

    public ObjectIdentity IdentityOf(long row)
    {
        IdentityKind kind = ClassOf(row).IdentityKind;
        if (kind == IdentityKind.None)
        {
            return ObjectIdentity.None;
        }

        UInt128 value = IdentityValue(row);
        if (kind != IdentityKind.TextETag)
        {
            return ObjectIdentity.FromParts(kind, value, null);
        }

        ulong parts = _etagParts[row];
        string text = parts == 0
            ? Encoding.UTF8.GetString(Text((long)(ulong)value))
            : string.Create(CultureInfo.InvariantCulture, $"{value:x32}-{parts}");
        return ObjectIdentity.FromParts(kind, 0, text);
    }

    /// <summary>Bytes of a link's target, or null for what is no link.</summary>
    public byte[]? LinkTargetOf(long row) =>
        KindOf(row) == StoreEntryKind.SymbolicLink ? Text((long)(ulong)IdentityValue(row)).ToArray() : null;

    /// <summary>It is a file inside an indexed shard.</summary>
    public bool IsMember(long row) => ClassOf(row).IsMember;

    /// <summary>What the store of <see cref="MountOf"/> must be asked for to read a file's bytes. A directory at or above a mount is that store's root; a member's object is its shard.</summary>
    public StoreObject ObjectOf(long row)
    {
        if (!IsMember(row))
        {
            return WholeObjectOf(row);
        }

        long shard = ShardOf(row, out long objectSize);
        long size = SizeOf(row);
        long offset = OffsetOf(row);
        return offset >= 0 && size >= 0 && offset <= objectSize - size
            ? new StoreObject(WholeObjectOf(shard).Path, size, IdentityOf(row)) { Offset = offset, ObjectSize = objectSize }
            : throw _pages.Damaged("a member lies outside its shard");
    }

    private StoreObject WholeObjectOf(long row)
    {
        byte[] path = PathOf(row);
        int mountBytes = Encoding.UTF8.GetByteCount(Mounts[MountOf(row)].Path);
        int skip = mountBytes == 0 ? 0 : mountBytes + 1;
        if (skip >= path.Length && KindOf(row) == StoreEntryKind.File)
        {
            throw _pages.Damaged("a file lies outside its mount");
        }

        return new StoreObject(skip == 0 ? path : path[Math.Min(skip, path.Length)..], SizeOf(row), IdentityOf(row));
    }

    internal ManifestClass ClassOf(long row)
    {
        ulong index = _class[row];
        if (index >= (ulong)_classes.Count)
        {
            throw _pages.Damaged("a row has no class");
        }

        unsafe
        {
            return ManifestClass.Read(new ReadOnlySpan<byte>(_pages.Touch(_classes.Offset + ((long)index * ManifestFormat.ClassBytes), ManifestFormat.ClassBytes), ManifestFormat.ClassBytes));
        }
    }

    /// <summary>Bytes of the shard that a directory stands for; 0 for everything else.</summary>
    internal long ShardSizeOf(long row) => KindOf(row) == StoreEntryKind.Directory ? (long)_objectSize[DirectoryOf(row)] : 0;

    internal long OffsetOf(long row) => (long)_offset[row];

    /// <summary>The directory above a member that stands for its shard.</summary>
    private long ShardOf(long row, out long objectSize)
    {
        while (row != RootRow)
        {
            row = ParentOf(row);
            if (KindOf(row) != StoreEntryKind.Directory)
            {
                throw _pages.Damaged("a row lies in what is no directory");
            }

            objectSize = (long)_objectSize[DirectoryOf(row)];
            if (objectSize != 0)
            {
                return row;
            }
        }

        throw _pages.Damaged("a member lies in no shard");
    }

    internal long MtimeOf(long row) => (long)_mtime[row];

    private void BindRows()
    {
        long rows = _header.Rows;
        long directories = _header.Directories;
        _classes = Require(SectionType.Classes);
        _identity = Section(SectionType.RowIdentity) ?? default;
        _texts = Section(SectionType.Texts) ?? default;
        _class = ColumnOrZeros(SectionType.RowClass, rows);
        _size = RequireColumn(SectionType.RowSize, rows);
        _mtime = RequireColumn(SectionType.RowMtime, rows);
        _etagParts = ColumnOrZeros(SectionType.RowETagParts, rows);
        _inodeIsRow = Section(SectionType.RowInode) is null;
        _inode = ColumnOrZeros(SectionType.RowInode, rows);
        _inodeOrder = _inodeIsRow ? _inode : RequireColumn(SectionType.InodeOrder, rows);
        _directoryRow = RequireColumn(SectionType.DirectoryRow, directories);
        _firstChild = RequireColumn(SectionType.DirectoryFirstChild, directories + 1);
        _subdirectories = RequireColumn(SectionType.DirectorySubdirectories, directories);
        _filesBelow = RequireColumn(SectionType.DirectoryFiles, directories);
        _bytesBelow = RequireColumn(SectionType.DirectoryBytes, directories);
        _directoriesBelow = RequireColumn(SectionType.DirectoryDirectories, directories);
        _offset = ColumnOrZeros(SectionType.RowOffset, rows);
        _objectSize = ColumnOrZeros(SectionType.DirectoryObjectSize, directories);
        if (_classes.Width != ManifestFormat.ClassBytes || (_identity.Type != SectionType.None && (_identity.Width != 16 || _identity.Count != rows)))
        {
            throw _pages.Damaged("its classes or identities have the wrong size");
        }
    }

    private long DirectoryOf(long row) =>
        KindOf(row) == StoreEntryKind.Directory ? (long)_size[row] : throw new ArgumentException("The row is no directory.", nameof(row));

    private unsafe UInt128 IdentityValue(long row)
    {
        if ((ulong)row >= (ulong)_identity.Count)
        {
            throw _pages.Damaged("a row has no identity");
        }

        return BinaryPrimitives.ReadUInt128LittleEndian(new ReadOnlySpan<byte>(_pages.Touch(_identity.Offset + (row * 16), 16), 16));
    }

    private long TextLength(long row) => Text((long)(ulong)IdentityValue(row)).Length;

    private ReadOnlySpan<byte> Text(long offset)
    {
        if (offset < 0 || offset > _texts.Length - sizeof(uint))
        {
            throw _pages.Damaged("a text begins outside its section");
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(_pages.TouchRange(_texts.Offset + offset, sizeof(uint)));
        return length <= Math.Min(_texts.Length - offset - sizeof(uint), int.MaxValue)
            ? _pages.TouchRange(_texts.Offset + offset + sizeof(uint), (int)length)
            : throw _pages.Damaged("a text ends outside its section");
    }
}
