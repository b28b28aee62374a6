using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>
/// A pattern over path bytes: <c>*</c> and <c>?</c> stay within one component, <c>[…]</c> is one character out of a set, <c>**</c> stands for any number of
/// components, <c>\</c> takes the next byte as it is. A pattern without a slash is about names at any depth; one with a slash begins at the root; one that ends with a
/// slash is about directories only. Immutable.
/// </summary>
public sealed class PathGlob
{
    private readonly GlobComponent[] _components;
    private readonly bool _isNameOnly;

    private PathGlob(string text, GlobComponent[] components, bool isNameOnly, bool isDirectoryOnly)
    {
        Text = text;
        _components = components;
        _isNameOnly = isNameOnly;
        IsDirectoryOnly = isDirectoryOnly;
    }

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>Matches no file.</summary>
    public bool IsDirectoryOnly { get; }

    /// <exception cref="CacheException"><c>Configuration</c>: it cannot match anything; the sentence says why.</exception>
    public static PathGlob Parse(string text)
    {
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(text);
        while (bytes.StartsWith("./"u8))
        {
            bytes = bytes[2..];
        }

        bool isDirectoryOnly = bytes is [.., (byte)'/'];
        bool isNameOnly = !bytes.TrimEnd((byte)'/').Contains((byte)'/');
        List<GlobComponent> components = [];
        foreach (Range range in bytes.Split((byte)'/'))
        {
            ReadOnlySpan<byte> component = bytes[range];
            if (component.IsEmpty)
            {
                continue;
            }

            if (component is [(byte)'.'] or [(byte)'.', (byte)'.'])
            {
                throw Bad(text, "holds a '.' or '..', which no path of a dataset does");
            }

            components.Add(GlobComponent.Parse(component) ?? throw Bad(text, "ends within a [ or behind a \\; write \\[ or \\\\ for the character itself"));
        }

        if (components.Count == 0)
        {
            throw Bad(text, "is empty; ** stands for everything");
        }

        // What ends with ** means everything below, not the directory itself.
        if (components[^1].IsAnyDepth)
        {
            components.Add(GlobComponent.AnyName);
        }

        return new PathGlob(text, [.. components], isNameOnly && !components[0].IsAnyDepth, isDirectoryOnly);
    }

    /// <param name="path">Below the root, no leading and no trailing slash, not empty.</param>
    public bool IsMatch(ReadOnlySpan<byte> path, bool isDirectory)
    {
        if (IsDirectoryOnly && !isDirectory)
        {
            return false;
        }

        return _isNameOnly ? _components[0].IsMatch(path[(path.LastIndexOf((byte)'/') + 1)..]) : IsWholeMatch(path);
    }

    private bool IsWholeMatch(ReadOnlySpan<byte> path)
    {
        int pattern = 0;
        int position = 0;

        // Only the last ** is ever taken up again: whatever an earlier one could take more, the last one can take as well.
        int anyDepth = -1;
        int anyDepthPosition = 0;
        while (position <= path.Length)
        {
            if (pattern < _components.Length && _components[pattern].IsAnyDepth)
            {
                anyDepth = pattern++;
                anyDepthPosition = position;
                continue;
            }

            if (pattern < _components.Length && _components[pattern].IsMatch(path[position..EndOf(path, position)]))
            {
                pattern++;
                position = EndOf(path, position) + 1;
            }
            else if (anyDepth >= 0)
            {
                anyDepthPosition = EndOf(path, anyDepthPosition) + 1;
                position = anyDepthPosition;
                pattern = anyDepth + 1;
            }
            else
            {
                return false;
            }
        }

        return pattern == _components.Length;
    }

    private static int EndOf(ReadOnlySpan<byte> path, int start)
    {
        int slash = path[start..].IndexOf((byte)'/');
        return slash < 0 ? path.Length : start + slash;
    }

    private static CacheException Bad(string text, string what) => new(CacheError.Configuration, $"The pattern '{text}' {what}.");
}
