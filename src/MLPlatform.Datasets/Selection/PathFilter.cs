namespace MLPlatform.Datasets;

/// <summary>
/// Which files patterns let through: those that an include matches (all, without includes) and no exclude does. A pattern that matches a directory
/// speaks for everything below it. Remembers which includes matched anything. For one thread at a time.
/// </summary>
public sealed class PathFilter(IReadOnlyList<PathGlob> includes, IReadOnlyList<PathGlob> excludes)
{
    private readonly bool[] _hasMatched = new bool[includes.Count];
    private bool _isIncluded;
    private bool _isExcluded;

    public bool IsEmpty => includes.Count == 0 && excludes.Count == 0;

    /// <summary>The directory whose files are asked about next lies, or is, below one that is left out.</summary>
    public bool IsExcluded => _isExcluded;

    /// <summary>Includes that have matched nothing yet.</summary>
    public IEnumerable<PathGlob> Unmatched => includes.Where((_, i) => !_hasMatched[i]);

    /// <summary>Goes to a directory; <see cref="Selects"/> is about its files from here on.</summary>
    /// <param name="path">Empty for the root.</param>
    public void Enter(ReadOnlySpan<byte> path)
    {
        _isIncluded = includes.Count == 0;
        _isExcluded = false;
        for (int end = 0; end < path.Length; end++)
        {
            int slash = path[end..].IndexOf((byte)'/');
            end = slash < 0 ? path.Length : end + slash;
            _isIncluded |= IsIncluded(path[..end], isDirectory: true, _isIncluded);
            _isExcluded |= IsExcludedBy(path[..end], isDirectory: true);
        }
    }

    /// <param name="path">Of a file in the directory that was entered.</param>
    public bool Selects(ReadOnlySpan<byte> path) => IsIncluded(path, isDirectory: false, _isIncluded) && !_isExcluded && !IsExcludedBy(path, isDirectory: false);

    private bool IsIncluded(ReadOnlySpan<byte> path, bool isDirectory, bool isIncluded)
    {
        for (int i = 0; i < includes.Count; i++)
        {
            // One that has matched before is asked only while the answer is open.
            if ((!isIncluded || !_hasMatched[i]) && includes[i].IsMatch(path, isDirectory))
            {
                _hasMatched[i] = true;
                isIncluded = true;
            }
        }

        return isIncluded;
    }

    private bool IsExcludedBy(ReadOnlySpan<byte> path, bool isDirectory)
    {
        foreach (PathGlob exclude in excludes)
        {
            if (exclude.IsMatch(path, isDirectory))
            {
                return true;
            }
        }

        return false;
    }
}
