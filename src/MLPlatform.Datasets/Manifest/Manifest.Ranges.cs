namespace MLPlatform.Datasets;

// Rows side by side: the children of consecutive directories are consecutive rows, so what lies below a directory is one range of rows a level.
public sealed partial class Manifest
{
    /// <summary>Number of the directory that holds a row; not for the root.</summary>
    internal long DirectoryHolding(long row)
    {
        long directory = _firstChild.LastAtMost((ulong)row, 0, _header.Directories);
        return directory >= 0 ? directory : throw _pages.Damaged("a row lies in no directory");
    }

    internal long RowOfDirectory(long directory) => (long)_directoryRow[directory];

    /// <summary>Rows of the children of a directory by its number.</summary>
    internal (long First, long End) ChildrenOfNumber(long directory) => Checked((long)_firstChild[directory], (long)_firstChild[directory + 1]);

    /// <summary>Rows of the children of all directories among these rows.</summary>
    internal (long First, long End) ChildrenOfRows(long first, long end)
    {
        long from = first == 0 ? 0 : _directoryRow.LastAtMost((ulong)first - 1, 0, _header.Directories) + 1;
        long to = _directoryRow.LastAtMost((ulong)end - 1, 0, _header.Directories) + 1;
        return from >= to ? (0, 0) : Checked((long)_firstChild[from], (long)_firstChild[to]);
    }

    private (long First, long End) Checked(long first, long end) =>
        first >= 0 && first <= end && end <= RowCount ? (first, end) : throw _pages.Damaged("a directory's children lie outside the tree");
}
