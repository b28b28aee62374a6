using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// What the last version says of shards that did not change, so that a sync need not read their headers again. Only where that gives the same version as reading
/// them would: what was left out of a shard the rows do not tell. Any thread may call it.
/// </summary>
internal sealed class PreviousShards
{
    // Some 5 MiB of names; a shard of more is read again.
    private const int MaxMembers = 65_536;

    private readonly Manifest? _previous;
    private readonly IReadOnlyList<ManifestMount> _mounts;
    private readonly Lazy<HashSet<string>?> _withSkipped;

    public PreviousShards(Manifest? previous, IReadOnlyList<ManifestMount> mounts)
    {
        _previous = previous;
        _mounts = mounts;
        _withSkipped = new Lazy<HashSet<string>?>(FindSkipped);
    }

    /// <param name="members">Empty; filled on success.</param>
    /// <returns>False when the shard must be read.</returns>
    public bool TryGet(int mount, StoreEntry shard, TarMembers members)
    {
        string prefix = _mounts[mount].Path;
        byte[] path = prefix.Length == 0 ? shard.Path : [.. Encoding.UTF8.GetBytes(prefix), (byte)'/', .. shard.Path];
        if (_previous is null
            || shard.Identity.Kind == IdentityKind.None
            || !_previous.TryFindPath(path, out long row)
            || _previous.ShardSizeOf(row) != shard.Size
            || _previous.TotalsOf(row).Files > MaxMembers
            || _withSkipped.Value is not { } withSkipped
            || withSkipped.Contains(Encoding.Latin1.GetString(path)))
        {
            return false;
        }

        if (TryWalk(_previous, row, mount, shard, members))
        {
            return true;
        }

        members.Clear();
        return false;
    }

    /// <returns>False when what is there is not the members of this version of the shard alone.</returns>
    private bool TryWalk(Manifest previous, long root, int mount, StoreEntry shard, TarMembers members)
    {
        bool hasFile = false;
        Stack<(long Row, byte[] Path)> directories = new();
        directories.Push((root, []));
        while (directories.TryPop(out (long Row, byte[] Path) directory))
        {
            NameCursor cursor = previous.Children(directory.Row);
            while (cursor.MoveNext())
            {
                long row = cursor.Row;
                byte[] path = directory.Path.Length == 0 ? cursor.Name.ToArray() : [.. directory.Path, (byte)'/', .. cursor.Name];
                previous.GetEntry(row, out TreeEntry entry);
                if (entry.Kind == StoreEntryKind.Directory)
                {
                    if (previous.ShardSizeOf(row) != 0)
                    {
                        return false; // Another shard, that the store has below this one's name.
                    }

                    // Where there are modes, one without is only implied by what is in it, and will be again.
                    if (entry.Mode is not null || shard.Mode is null)
                    {
                        members.Add(new TarMember(TarMemberKind.Directory, 0, 0, entry.MtimeNanoseconds), path);
                    }

                    directories.Push((row, path));
                }
                else
                {
                    // A key of the store's own may hide a member, which the rows then do not tell.
                    if (!previous.IsMember(row) || previous.Mounts[previous.MountOf(row)] != _mounts[mount] || previous.IdentityOf(row) != shard.Identity)
                    {
                        return false;
                    }

                    hasFile = true;
                    members.Add(new TarMember(TarMemberKind.File, previous.OffsetOf(row), entry.Size, entry.MtimeNanoseconds), path);
                }
            }
        }

        return hasFile;
    }

    /// <summary>Paths of shards of which something was left out; null when the list of what was left out has an end too early.</summary>
    private HashSet<string>? FindSkipped()
    {
        HashSet<string> found = new(StringComparer.Ordinal);
        long count = 0;
        foreach (SkippedName name in _previous!.SkippedNames())
        {
            count++;
            string path = Encoding.Latin1.GetString(name.Path); // A character for each byte.
            for (int at = path.IndexOf(".tar/", StringComparison.Ordinal); at >= 0; at = path.IndexOf(".tar/", at + 1, StringComparison.Ordinal))
            {
                found.Add(path[..(at + ".tar".Length)]);
            }
        }

        return count == _previous.Skipped ? found : null;
    }
}
