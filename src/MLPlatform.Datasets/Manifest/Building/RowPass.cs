using System.Buffers.Binary;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Turns sorted records into rows: drops what was found twice, lets directories shadow files, gives inode numbers and fills the temporary
/// columns. Memory does not grow with the tree. For one thread.
/// </summary>
internal sealed unsafe partial class RowPass : IDisposable
{
    // A sync that finds little new leaves few numbers unused, a first listing asks some twenty times.
    private const ulong FirstReserve = 1024;
    private const ulong LastReserve = 1 << 20;

    private readonly ManifestBuilderOptions _options;
    private readonly PreviousJoin _previous;
    private readonly DirectoryQueue _queue;
    private readonly Dictionary<ManifestClass, int> _classIndex = [];
    private readonly List<ManifestClass> _classes = [];
    private readonly byte[] _lastKey = new byte[SortRecord.DepthBytes + PosixNames.MaxPathBytes];
    private readonly byte[] _lastName = new byte[PosixNames.MaxComponentBytes];
    private readonly byte[] _lastParent = new byte[PosixNames.MaxPathBytes];
    private int _lastKeyLength;
    private int _lastNameLength;
    private int _lastParentLength;
    private bool _lastWasDirectory;
    private ulong _nextInode;
    private ulong _reservedEnd;
    private ulong _nextReserve;

    // The directory whose children come now: its number and what lies directly in it.
    private long _directory = -1;
    private long _subdirectories;
    private long _directFiles;
    private long _directBytes;
    private long _newest;

    /// <param name="expected">About how many names come, files and directories.</param>
    public RowPass(ManifestBuilderOptions options, long expected)
    {
        _options = options;
        _previous = new PreviousJoin(options.Previous, options.Mounts);
        _nextInode = _reservedEnd = NextInode = Math.Max(options.Previous?.NextInode ?? 0, ManifestFormat.RootInode + 1);

        // Where there was no version before, every name needs a number, and each reservation waits for the disk twice.
        _nextReserve = options.Previous is null ? (ulong)Math.Clamp(expected, (long)FirstReserve, (long)LastReserve) : FirstReserve;
        _queue = new DirectoryQueue(Path.Combine(options.WorkDirectory, "column-queue"));
        (Class, Size, Mtime, ETagParts, Inode) = (Column("class"), Column("size"), Column("mtime"), Column("parts"), Column("inode"));
        (NameGroups, Names, Texts, Identity, SkippedList) = (Column("groups"), Blob("names"), Blob("texts"), Blob("identity"), Blob("skipped"));
        (Offset, DirectoryObjectSize) = (Column("offset"), Column("dir-object"));
        (DirectoryRow, DirectoryParent, DirectoryIsImplied) = (Column("dir-row"), Column("dir-parent"), Column("dir-implied"));
        (DirectoryFirstChild, DirectorySubdirectories) = (Column("dir-first"), Column("dir-subdirectories"));
        (DirectoryFiles, DirectoryBytes, DirectoryDirectories, DirectoryNewest) = (Column("dir-files"), Column("dir-bytes"), Column("dir-directories"), Column("dir-newest"));
    }

    public void Run(RecordSource sorted, Action<long> progress, CancellationToken cancellationToken)
    {
        long seen = 0;
        while (sorted.MoveNext())
        {
            if ((++seen & 0xFFFF) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress(Files);
            }

            Take(new SortRecord(sorted.Record));
        }

        CloseDirectory();
        while (_queue.TryDequeue())
        {
            OpenDirectory();
            CloseDirectory();
        }

        DirectoryFirstChild.Add(Rows);
        NameGroups.Add(Names.Length);
        SumUp();
    }

    private void Take(SortRecord record)
    {
        if (record.Key.SequenceEqual(_lastKey.AsSpan(0, _lastKeyLength)))
        {
            // The better claim came first. A file under a directory's name cannot be shown; anything else was only found twice.
            if (_lastWasDirectory && record.Claim >= SortRecord.Rank.File && record.Depth != SortRecord.SkippedDepth)
            {
                Skip(record.Path, SkipReason.ShadowedByDirectory, restoreSlashes: true);
                _lastWasDirectory = false;
            }

            return;
        }

        record.Key.CopyTo(_lastKey);
        _lastKeyLength = record.Key.Length;
        if (record.Depth == SortRecord.SkippedDepth)
        {
            Skip(record.Path, record.SkipReason, restoreSlashes: false);
            return;
        }

        _lastWasDirectory = record.Kind == StoreEntryKind.Directory;
        AddRow(record);
    }

    private void AddRow(SortRecord record)
    {
        ReadOnlySpan<byte> path = record.Path;
        int separator = path.LastIndexOf((byte)0);
        ReadOnlySpan<byte> name = path[(separator + 1)..];
        long row = Rows;
        long previousRow = Manifest.RootRow;
        if (row > 0)
        {
            EnterDirectoryOf(path[..Math.Max(0, separator)]);
            previousRow = _previous.Find(name);
        }

        previousRow = _options.Previous is null ? -1 : previousRow;
        AddName(row, name);
        AddInode(row, previousRow, record);
        Class.Add(ClassOf(record));
        Mtime.Add(record.Claim == SortRecord.Rank.ImpliedDirectory ? 0 : record.MtimeNanoseconds);
        AddIdentity(record);
        Offset.Add(record.IsMember ? record.Offset : 0);
        if (record.Kind == StoreEntryKind.Directory)
        {
            DirectoryObjectSize.Add(record.ObjectSize);
            HasShards |= record.Claim == SortRecord.Rank.Shard;
            Size.Add(DirectoryRow.Count);
            DirectoryRow.Add(row);
            DirectoryParent.Add(Math.Max(0, _directory));
            DirectoryIsImplied.Add(record.Claim == SortRecord.Rank.ImpliedDirectory ? 1 : 0);
            _queue.Enqueue(path, _previous.AsDirectory(previousRow));
            _subdirectories++;
            return;
        }

        Size.Add(record.Size);
        _newest = Math.Max(_newest, record.MtimeNanoseconds);
        if (record.Kind == StoreEntryKind.SymbolicLink)
        {
            Links++;
            return;
        }

        Files++;
        Bytes += record.Size;
        SmallFiles += record.Size <= ManifestFormat.SmallFileBytes ? 1 : 0;
        _directFiles++;
        _directBytes += record.Size;
    }

    private void EnterDirectoryOf(ReadOnlySpan<byte> parent)
    {
        if (_directory >= 0 && parent.SequenceEqual(_lastParent.AsSpan(0, _lastParentLength)))
        {
            return;
        }

        // The queue has the directories in the order in which their children come, the empty ones between them.
        do
        {
            CloseDirectory();
            Invariant.That(_queue.TryDequeue(), "every name's directory is a row");
            OpenDirectory();
        }
        while (!_queue.Path.SequenceEqual(parent));
        parent.CopyTo(_lastParent);
        _lastParentLength = parent.Length;
        _previous.Enter(_queue.PreviousRow);
    }

    private void OpenDirectory()
    {
        _directory = DirectoryFirstChild.Count;
        DirectoryFirstChild.Add(Rows);
        (_subdirectories, _directFiles, _directBytes, _newest) = (0, 0, 0, long.MinValue);
    }

    private void CloseDirectory()
    {
        if (_directory == DirectorySubdirectories.Count)
        {
            DirectorySubdirectories.Add(_subdirectories);
            DirectoryFiles.Add(_directFiles);
            DirectoryBytes.Add(_directBytes);
            DirectoryDirectories.Add(0);
            DirectoryNewest.Add(_newest);
        }
    }

    private void AddName(long row, ReadOnlySpan<byte> name)
    {
        int shared = 0;
        if ((row & (ManifestFormat.NameGroupRows - 1)) == 0)
        {
            NameGroups.Add(Names.Length);
        }
        else
        {
            shared = name.CommonPrefixLength(_lastName.AsSpan(0, _lastNameLength));
        }

        ReadOnlySpan<byte> rest = name[shared..];
        Names.Add([(byte)shared, (byte)rest.Length]);
        Names.Add(rest);
        name.CopyTo(_lastName);
        _lastNameLength = name.Length;
    }

    private void AddInode(long row, long previousRow, SortRecord record)
    {
        ulong inode = ManifestFormat.RootInode;
        if (row != Manifest.RootRow && !_previous.TryKeepInode(previousRow, record, out inode) && !TryAskSource(record, out inode))
        {
            inode = TakeInode();
        }

        Inode.Add((long)inode);
        InodesDiffer |= inode != (ulong)row + ManifestFormat.RootInode;
        NextInode = Math.Max(NextInode, inode + 1);
    }

    private ulong TakeInode()
    {
        if (_options.Inodes is { } source && _nextInode == _reservedEnd)
        {
            _nextInode = source.Reserve(_nextInode, _nextReserve);
            _reservedEnd = _nextInode + _nextReserve;
            _nextReserve = Math.Min(2 * _nextReserve, LastReserve);
        }

        return _nextInode++;
    }

    private bool TryAskSource(SortRecord record, out ulong inode)
    {
        inode = 0;
        if (_options.Inodes is not { } source || record.IsMember)
        {
            return false;
        }

        Span<byte> path = record.Path.Length <= 1024 ? stackalloc byte[1024] : new byte[record.Path.Length];
        path = path[..record.Path.Length];
        record.Path.Replace(path, (byte)0, (byte)'/');
        return source.TryGetInode(path, record.Kind, record.Identity, record.Size, out inode);
    }

    private int ClassOf(SortRecord record)
    {
        var rowClass = new ManifestClass(record.Kind, record.IdentityKind, record.Mode, record.Uid, record.Gid, record.Mount, record.IsMember);
        if (!_classIndex.TryGetValue(rowClass, out int index))
        {
            index = _classes.Count;
            _classes.Add(rowClass);
            _classIndex.Add(rowClass, index);
        }

        return index;
    }

    private void AddIdentity(SortRecord record)
    {
        UInt128 value = record.IdentityValue;
        uint parts = 0;
        if (record.IdentityKind == IdentityKind.TextETag && MultipartETag.TryParse(record.Text, out UInt128 hash, out parts))
        {
            value = hash;
        }
        else if (record.IdentityKind == IdentityKind.TextETag || record.Kind == StoreEntryKind.SymbolicLink)
        {
            value = (UInt128)Texts.Length;
            Span<byte> length = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteInt32LittleEndian(length, record.Text.Length);
            Texts.Add(length);
            Texts.Add(record.Text);
        }

        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, value);
        Identity.Add(bytes);
        ETagParts.Add(parts);
        HasIdentities |= record.IdentityKind != IdentityKind.None || record.Kind == StoreEntryKind.SymbolicLink;
    }

    private void Skip(ReadOnlySpan<byte> path, SkipReason reason, bool restoreSlashes)
    {
        Skipped++;
        if (SkippedListed >= _options.MaxSkippedListed)
        {
            return;
        }

        SkippedListed++;
        byte[] copy = path.ToArray();
        if (restoreSlashes)
        {
            copy.AsSpan().Replace((byte)0, (byte)'/');
        }

        Span<byte> header = stackalloc byte[5];
        header[0] = (byte)reason;
        BinaryPrimitives.WriteInt32LittleEndian(header[1..], copy.Length);
        SkippedList.Add(header);
        SkippedList.Add(copy);
    }
}
