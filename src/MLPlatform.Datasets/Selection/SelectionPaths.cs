using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Turns paths as people write them into paths below a dataset's root, and says which dataset lacks one. Immutable.</summary>
/// <param name="dataset">For messages.</param>
/// <param name="mountDirectory">Where the dataset is mounted: absolute paths must lie below it. Null: not mounted, and a leading slash means the root.</param>
/// <param name="start">What relative paths begin at, below the root; empty for the root.</param>
public sealed class SelectionPaths(string dataset, string? mountDirectory, string start)
{
    private readonly byte[]? _mount = mountDirectory is null ? null : Encoding.UTF8.GetBytes(mountDirectory);
    private readonly byte[] _start = Encoding.UTF8.GetBytes(start);

    /// <summary>Adds what a path names to a selection.</summary>
    /// <param name="where">In front of messages: <c>list.txt, line 3: </c>, or nothing.</param>
    /// <exception cref="CacheException"><c>NotFound</c>: there is no such name; <c>Configuration</c>: it cannot be a path of this dataset.</exception>
    public void Add(RowSelection selection, ReadOnlySpan<byte> path, string where)
    {
        List<byte> absolute = [];
        bool isAbsolute = path is [(byte)'/', ..];
        if (isAbsolute && _mount is not null)
        {
            bool isBelow = path.StartsWith(_mount) && (path.Length == _mount.Length || path[_mount.Length] == '/' || _mount is [(byte)'/']);
            if (!isBelow)
            {
                throw new CacheException(CacheError.Configuration, $"{where}'{Show(path)}' does not lie below {mountDirectory}; give paths relative to the dataset's root.");
            }

            path = path[_mount.Length..];
        }
        else if (!isAbsolute)
        {
            absolute.AddRange(_start);
        }

        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> component = path[range];
            if (component.IsEmpty || component is [(byte)'.'])
            {
                continue;
            }

            if (component is [(byte)'.', (byte)'.'])
            {
                throw new CacheException(CacheError.Configuration, $"{where}'{Show(path)}' holds '..'; give paths relative to the dataset's root.");
            }

            if (absolute.Count > 0)
            {
                absolute.Add((byte)'/');
            }

            absolute.AddRange(component);
        }

        byte[] found = [.. absolute];
        if (!selection.TryAdd(found))
        {
            throw new CacheException(CacheError.NotFound, $"{where}'{Show(found)}' is not in {dataset}.");
        }
    }

    /// <summary>Adds what each record of a list names.</summary>
    /// <exception cref="CacheException">As above, with the list and the line in front.</exception>
    public async Task AddListAsync(RowSelection selection, FileListInput list, CancellationToken cancellationToken)
    {
        FileListReader reader = new(list.Content, list.IsNullSeparated, list.Name);
        long records = 0;
        while (await reader.MoveNextAsync(cancellationToken))
        {
            if (FileListRecord.Parse(reader.Record, reader.Line, list.Name) is { } record)
            {
                Add(selection, record.Path, $"{list.Name}, line {reader.Line}: ");
                records++;
            }
        }

        if (records == 0)
        {
            throw new CacheException(CacheError.Configuration, $"{list.Name} names no file.");
        }
    }

    private static string Show(ReadOnlySpan<byte> path) => new SkippedName(path.ToArray(), SkipReason.None).DisplayPath;
}
