using System.Text;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Manifests;

/// <summary>What a manifest must say, worked out by dictionaries. Paths are Latin-1 strings, so that comparing them compares bytes.</summary>
internal sealed class ReferenceTree
{
    private readonly SortedDictionary<string, Node> _nodes = new(StringComparer.Ordinal) { [""] = new Node(null) };
    private readonly HashSet<string> _skipped = [];

    public ReferenceTree(IEnumerable<StoreEntry> entries)
    {
        var files = new List<(string Path, StoreEntry Entry)>();
        foreach (StoreEntry entry in entries)
        {
            string path = Encoding.Latin1.GetString(entry.Path);
            bool isDirectory = entry.Kind == StoreEntryKind.Directory || path.Length == 0 || path.EndsWith('/');
            string trimmed = path.EndsWith('/') ? path[..^1] : path;
            if (path == "/" || (trimmed.Length > 0 && trimmed.Split('/').Any(c => c is "" or "." or ".." || c.Length > 255 || c.Contains('\0'))))
            {
                _skipped.Add(path);
                continue;
            }

            for (string parent = trimmed; parent.Length > 0;)
            {
                parent = ParentOf(parent);
                _nodes.TryAdd(parent, new Node(null));
            }

            if (!isDirectory)
            {
                files.Add((trimmed, entry));
            }
            else if (!_nodes.TryGetValue(trimmed, out Node? known) || known.Entry is null || known.Entry.MtimeNanoseconds < entry.MtimeNanoseconds)
            {
                _nodes[trimmed] = new Node(entry);
            }
        }

        foreach ((string path, StoreEntry entry) in files)
        {
            if (_nodes.TryGetValue(path, out Node? node) && node.IsDirectory)
            {
                _skipped.Add(path);
            }
            else if (node is null || node.Entry!.MtimeNanoseconds < entry.MtimeNanoseconds)
            {
                _nodes[path] = new Node(entry, isDirectory: false);
            }
        }
    }

    public IReadOnlyDictionary<string, Node> Nodes => _nodes;

    public IReadOnlySet<string> Skipped => _skipped;

    public static string ParentOf(string path) => path.LastIndexOf('/') is var slash and >= 0 ? path[..slash] : "";

    public static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    public List<string> ChildrenOf(string directory) =>
        [.. _nodes.Keys.Where(p => p.Length > 0 && ParentOf(p) == directory).OrderBy(NameOf, StringComparer.Ordinal)];

    public List<Node> Below(string directory) =>
        [.. _nodes.Where(n => n.Key.Length > 0 && (directory.Length == 0 || n.Key.StartsWith(directory + "/", StringComparison.Ordinal))).Select(n => n.Value)];

    /// <summary>A name in the tree; without an entry, a directory that only follows from what is in it.</summary>
    internal sealed class Node(StoreEntry? entry, bool isDirectory = true)
    {
        public StoreEntry? Entry => entry;

        public bool IsDirectory => isDirectory;

        public bool IsFile => !isDirectory && entry!.Kind == StoreEntryKind.File;
    }
}
