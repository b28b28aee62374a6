namespace MLPlatform.Datasets;

/// <summary>Names of a file list that its store does not have: how many, and the first of them. Any thread may add.</summary>
public sealed class MissingFiles
{
    /// <summary>More names than this nobody reads; their count is kept.</summary>
    public const int MaxNames = 100;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, string> _names = [];
    private long _count;

    public long Count => Interlocked.Read(ref _count);

    /// <summary>Line and path of those with the lowest lines among the ones found.</summary>
    public IReadOnlyList<(long Line, string Path)> Names
    {
        get
        {
            lock (_lock)
            {
                return [.. _names.Select(static pair => (pair.Key, pair.Value))];
            }
        }
    }

    internal void Add(FileListRecord record)
    {
        Interlocked.Increment(ref _count);
        lock (_lock)
        {
            _names[record.Line] = record.DisplayPath;
            if (_names.Count > MaxNames)
            {
                _names.Remove(_names.Keys.Last());
            }
        }
    }
}
