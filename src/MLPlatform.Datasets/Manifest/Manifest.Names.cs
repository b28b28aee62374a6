using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

// Names: lookup, enumeration and paths. A group of 16 rows begins with a whole name, each further one says how many bytes it shares with
// the one before; a record is [shared][length of the rest][rest].
public sealed unsafe partial class Manifest
{
    private const int RecordHeaderBytes = 2;

    private Column _nameGroups;
    private ManifestSection _names;

    /// <summary>Finds a name in a directory by binary search over whole names, then at most one group.</summary>
    /// <param name="directoryRow">Must be a directory.</param>
    public bool TryLookup(long directoryRow, ReadOnlySpan<byte> name, out long row)
    {
        (long first, long count) = ChildrenOf(directoryRow);
        row = -1;
        if (count == 0)
        {
            return false;
        }

        long low = (first >> ManifestFormat.NameGroupShift) + 1;
        long high = ((first + count - 1) >> ManifestFormat.NameGroupShift) + 1;
        while (low < high)
        {
            long middle = low + ((high - low) >> 1);
            if (GroupHead(middle).SequenceCompareTo(name) <= 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        long start = Math.Max(first, (low - 1) << ManifestFormat.NameGroupShift);
        long end = Math.Min(first + count, low << ManifestFormat.NameGroupShift);
        var cursor = new NameCursor(this, start, end - start);
        while (cursor.MoveNext())
        {
            int order = cursor.Name.SequenceCompareTo(name);
            if (order >= 0)
            {
                row = cursor.Row;
                return order == 0;
            }
        }

        return false;
    }

    /// <summary>Follows a path from the root.</summary>
    /// <param name="path">Components divided by <c>/</c>, no leading slash; empty for the root.</param>
    public bool TryFindPath(ReadOnlySpan<byte> path, out long row)
    {
        row = RootRow;
        while (!path.IsEmpty)
        {
            int slash = path.IndexOf((byte)'/');
            ReadOnlySpan<byte> name = slash < 0 ? path : path[..slash];
            if (KindOf(row) != StoreEntryKind.Directory || !TryLookup(row, name, out row))
            {
                row = -1;
                return false;
            }

            path = slash < 0 ? [] : path[(slash + 1)..];
        }

        return true;
    }

    /// <summary>A directory's children in the order of their names' bytes, from the one at <paramref name="skip"/>.</summary>
    public NameCursor Children(long directoryRow, long skip = 0)
    {
        (long first, long count) = ChildrenOf(directoryRow);
        skip = Math.Clamp(skip, 0, count);
        return new NameCursor(this, first + skip, count - skip);
    }

    /// <summary>Path bytes below the root, no leading slash; empty for the root.</summary>
    public byte[] PathOf(long row)
    {
        var components = new Stack<byte[]>();
        int length = 0;
        for (; row != RootRow; row = ParentOf(row))
        {
            byte[] name = NameOf(row);
            components.Push(name);
            length += name.Length + 1;
        }

        byte[] path = new byte[Math.Max(0, length - 1)];
        int at = 0;
        foreach (byte[] name in components)
        {
            name.CopyTo(path, at);
            at += name.Length;
            if (at < path.Length)
            {
                path[at++] = (byte)'/';
            }
        }

        return path;
    }

    /// <summary>The last component of a row's path; empty for the root.</summary>
    public byte[] NameOf(long row)
    {
        var cursor = new NameCursor(this, row, 1);
        return row >= 0 && row < RowCount && cursor.MoveNext() ? cursor.Name.ToArray() : throw new ArgumentOutOfRangeException(nameof(row));
    }

    /// <summary>Where the names of a group stand.</summary>
    internal byte* NameGroup(long group, out byte* end)
    {
        long first = (long)_nameGroups[group];
        long length = (long)_nameGroups[group + 1] - first;
        if (first < 0 || length is <= 0 or > ManifestFormat.PageBytes || first > _names.Length - length)
        {
            throw _pages.Damaged("a group of names lies outside its section");
        }

        byte* start = _pages.Touch(_names.Offset + first, (int)length);
        end = start + length;
        return start;
    }

    /// <summary>Turns the name before, in <paramref name="name"/>, into the one at <paramref name="record"/>.</summary>
    /// <returns>Where the next record stands.</returns>
    internal byte* DecodeName(byte* record, byte* groupEnd, Span<byte> name, ref int length)
    {
        if (groupEnd - record < RecordHeaderBytes || record[0] > length || record[0] + record[1] > ManifestFormat.MaxNameBytes || groupEnd - record < RecordHeaderBytes + record[1])
        {
            throw _pages.Damaged("a name does not decode");
        }

        int shared = record[0];
        int rest = record[1];
        new ReadOnlySpan<byte>(record + RecordHeaderBytes, rest).CopyTo(name[shared..]);
        length = shared + rest;
        return record + RecordHeaderBytes + rest;
    }

    private ReadOnlySpan<byte> GroupHead(long group)
    {
        byte* start = NameGroup(group, out byte* end);
        return end - start >= RecordHeaderBytes + start[1] && start[0] == 0
            ? new ReadOnlySpan<byte>(start + RecordHeaderBytes, start[1])
            : throw _pages.Damaged("a group of names does not begin with a whole one");
    }

    private void BindNames()
    {
        _names = Require(SectionType.Names);
        _nameGroups = RequireColumn(SectionType.NameGroups, ((_header.Rows + ManifestFormat.NameGroupRows - 1) >> ManifestFormat.NameGroupShift) + 1);
    }
}
