using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Files of one version, by paths and patterns, in the order of their rows: names that lie together in the tree come together. Holds 16 bytes for each path
/// that was added (for a directory, for each of its levels) and nothing for files. For one thread at a time; the manifest stays its owner's.
/// </summary>
public sealed class RowSelection(Manifest manifest, PathFilter filter)
{
    private readonly List<(long First, long End)> _ranges = [];
    private bool _isMerged;
    private bool _isCounted;
    private byte[] _path = new byte[4096];

    public Manifest Manifest => manifest;

    /// <summary>True when nothing narrows it.</summary>
    public bool IsEverything => _ranges.Count == 0 && filter.IsEmpty;

    /// <summary>Of the selected files; after <see cref="Count"/>.</summary>
    public long Files { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>Adds a file, or everything below a directory. Without any, everything is selected.</summary>
    /// <param name="path">Below the root; empty for the root.</param>
    /// <returns>False when there is nothing of this name.</returns>
    public bool TryAdd(ReadOnlySpan<byte> path)
    {
        if (!manifest.TryFindPath(path, out long row))
        {
            return false;
        }

        _isMerged = false;
        (long first, long end) = (row, row + 1);
        while (first < end)
        {
            _ranges.Add((first, end));
            (first, end) = manifest.ChildrenOfRows(first, end);
        }

        return true;
    }

    /// <summary>Counts files and bytes. Free for a whole version, else a walk over names.</summary>
    public void Count(CancellationToken cancellationToken)
    {
        if (_isCounted)
        {
            return;
        }

        if (IsEverything)
        {
            (Files, Bytes) = (manifest.Files, manifest.Bytes);
        }
        else
        {
            foreach (long row in Rows())
            {
                cancellationToken.ThrowIfCancellationRequested();
                Files++;
                Bytes += manifest.SizeOf(row);
            }
        }

        _isCounted = true;
    }

    /// <summary>The selected files. One walk at a time.</summary>
    public IEnumerable<long> Rows()
    {
        foreach ((long first, long end) in Merged())
        {
            foreach (long row in filter.IsEmpty ? FilesAmong(first, end) : Filtered(first, end))
            {
                yield return row;
            }
        }
    }

    private List<(long First, long End)> Merged()
    {
        if (_ranges.Count == 0)
        {
            return [(0, manifest.RowCount)];
        }

        if (_isMerged)
        {
            return _ranges;
        }

        // A file that was named twice, or within a directory that was named too, comes once.
        _ranges.Sort();
        int last = 0;
        for (int i = 1; i < _ranges.Count; i++)
        {
            (long first, long end) = _ranges[i];
            if (first <= _ranges[last].End)
            {
                _ranges[last] = (_ranges[last].First, Math.Max(end, _ranges[last].End));
            }
            else
            {
                _ranges[++last] = (first, end);
            }
        }

        _ranges.RemoveRange(last + 1, _ranges.Count - last - 1);
        _isMerged = true;
        return _ranges;
    }

    private IEnumerable<long> FilesAmong(long first, long end)
    {
        for (long row = first; row < end; row++)
        {
            if (manifest.KindOf(row) == StoreEntryKind.File)
            {
                yield return row;
            }
        }
    }

    private IEnumerable<long> Filtered(long first, long end)
    {
        // The root is no file and lies in no directory.
        long row = Math.Max(first, Manifest.RootRow + 1);
        long directory = row < end ? manifest.DirectoryHolding(row) : 0;
        while (row < end)
        {
            (long from, long to) = manifest.ChildrenOfNumber(directory);
            long stop = Math.Min(to, end);
            if (row < stop)
            {
                byte[] parent = manifest.PathOf(manifest.RowOfDirectory(directory));
                filter.Enter(parent);
                int length = Begin(parent);
                NameCursor names = manifest.Children(manifest.RowOfDirectory(directory), row - from);
                while (row < stop && names.MoveNext())
                {
                    row = names.Row + 1;
                    if (manifest.KindOf(names.Row) == StoreEntryKind.File && filter.Selects(Append(length, ref names)))
                    {
                        yield return names.Row;
                    }
                }
            }

            directory++;
        }
    }

    private int Begin(byte[] parent)
    {
        int length = parent.Length == 0 ? 0 : parent.Length + 1;
        if (_path.Length < length + 256)
        {
            _path = new byte[2 * (length + 256)];
        }

        parent.CopyTo(_path, 0);
        if (length > 0)
        {
            _path[length - 1] = (byte)'/';
        }

        return length;
    }

    private ReadOnlySpan<byte> Append(int length, ref NameCursor names)
    {
        names.Name.CopyTo(_path.AsSpan(length));
        return _path.AsSpan(0, length + names.Name.Length);
    }
}
