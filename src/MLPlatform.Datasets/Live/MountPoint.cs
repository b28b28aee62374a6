using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// A directory that exists because a store hangs in it or below it. The few of them form a tree that never changes; it decides which
/// store a path belongs to. A mount point hides whatever the store above it has under the same name. Immutable.
/// </summary>
internal sealed class MountPoint
{
    private readonly List<MountPoint> _children = [];

    private MountPoint(byte[] name) => Name = name;

    /// <summary>One component; empty for the root.</summary>
    public byte[] Name { get; }

    /// <summary>The store whose root is here, or null where this is only a step on the way to one.</summary>
    public IUnderStore? Store { get; private set; }

    public IReadOnlyList<MountPoint> Children => _children;

    public MountPoint? Find(ReadOnlySpan<byte> name)
    {
        foreach (MountPoint child in _children)
        {
            if (name.SequenceEqual(child.Name))
            {
                return child;
            }
        }

        return null;
    }

    /// <exception cref="CacheException"><c>Configuration</c>: two stores at one path, none at all, or a path that no tree can hold.</exception>
    public static MountPoint Build(IReadOnlyList<TreeMount> mounts)
    {
        if (mounts.Count == 0)
        {
            throw new CacheException(CacheError.Configuration, "A dataset needs at least one source.");
        }

        var root = new MountPoint([]);
        foreach (TreeMount mount in mounts)
        {
            MountPoint at = root;
            foreach (Range part in Components(mount.Path))
            {
                byte[] name = mount.Path[part];
                if (!EntryName.IsValid(name))
                {
                    throw new CacheException(CacheError.Configuration, $"No directory can be called '{Encoding.UTF8.GetString(name)}' in the path '/{Encoding.UTF8.GetString(mount.Path)}' of {mount.Store.Uri}.");
                }

                MountPoint? child = at.Find(name);
                if (child is null)
                {
                    child = new MountPoint(name);
                    at._children.Add(child);
                }

                at = child;
            }

            if (at.Store is not null)
            {
                throw new CacheException(CacheError.Configuration, $"{at.Store.Uri} and {mount.Store.Uri} are both mounted at '/{Encoding.UTF8.GetString(mount.Path)}'; give one of them another @/PATH.");
            }

            at.Store = mount.Store;
        }

        return root;
    }

    private static IEnumerable<Range> Components(byte[] path)
    {
        int start = 0;
        while (start < path.Length)
        {
            int end = Array.IndexOf(path, (byte)'/', start);
            end = end < 0 ? path.Length : end;
            yield return start..end;
            start = end + 1;
        }
    }
}
