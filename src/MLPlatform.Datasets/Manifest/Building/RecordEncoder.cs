using System.IO.Hashing;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Turns what stores list into records to sort: puts each path behind its mount's, applies <see cref="PosixNames"/>, and adds the
/// directories that only follow from a path. For one thread at a time.
/// </summary>
internal sealed class RecordEncoder
{
    // A directory that falls out of the cache is only written again; sorting drops what is twice.
    private const int MaxKnownDirectories = 32_768;

    // PATH_MAX less its NUL. It leaves room for what stores have below.
    private const int MaxMountPathBytes = 4095;

    private readonly byte[][] _mountPaths;
    private readonly bool _nested;
    private readonly HashSet<byte[]> _known = new(new PathComparer());
    private readonly HashSet<byte[]>.AlternateLookup<ReadOnlySpan<byte>> _knownSpans;
    private readonly byte[] _path = new byte[PosixNames.MaxPathBytes];
    private readonly byte[] _key = new byte[SortRecord.DepthBytes + PosixNames.MaxPathBytes];
    private readonly byte[] _payload = new byte[SortRecord.FixedPayloadBytes + SortRecord.MaxTextBytes];

    public RecordEncoder(IReadOnlyList<ManifestMount> mounts)
    {
        _knownSpans = _known.GetAlternateLookup<ReadOnlySpan<byte>>();
        _mountPaths = new byte[mounts.Count][];
        for (int i = 0; i < mounts.Count; i++)
        {
            _mountPaths[i] = Encoding.UTF8.GetBytes(mounts[i].Path);
            SkipReason reason = _mountPaths[i].Length > MaxMountPathBytes ? SkipReason.PathTooLong : PosixNames.Check(_mountPaths[i]);
            if (reason != SkipReason.None)
            {
                throw new CacheException(CacheError.Configuration, $"`{mounts[i].Path}` cannot be a path in a dataset: {new SkippedName([], reason).Explanation}.");
            }
        }

        for (int i = 0; i < mounts.Count; i++)
        {
            for (int j = 0; j < mounts.Count; j++)
            {
                if (i < j && mounts[i].Path == mounts[j].Path)
                {
                    throw new CacheException(CacheError.Configuration, $"Two stores are mounted at `/{mounts[i].Path}` of one dataset: {mounts[i].Uri} and {mounts[j].Uri}.");
                }

                _nested |= i != j && IsAtOrBelow(_mountPaths[i], _mountPaths[j]);
            }
        }
    }

    public delegate bool Append(ReadOnlySpan<byte> key, ReadOnlySpan<byte> payload);

    public long Files { get; private set; }

    public long Directories { get; private set; }

    public long Bytes { get; private set; }

    public long Skipped { get; private set; }

    /// <summary>Counts go on where an interrupted listing stopped.</summary>
    public void Restore(long files, long directories, long bytes, long skipped) => (Files, Directories, Bytes, Skipped) = (files, directories, bytes, skipped);

    /// <summary>The root and every mount's path exist even if the stores are empty.</summary>
    /// <returns>False when <paramref name="append"/> took no more; call again.</returns>
    public bool TryEncodeMounts(Append append)
    {
        if (!TryAddDirectory([], append))
        {
            return false;
        }

        foreach (byte[] mount in _mountPaths)
        {
            if (mount.Length > 0 && !TryAddDirectory(mount, append))
            {
                return false;
            }
        }

        return true;
    }

    /// <returns>False when <paramref name="append"/> took no more; call again with the same entry.</returns>
    public bool TryEncode(int mount, StoreEntry entry, Append append)
    {
        StoreEntryKind kind = entry.Kind;
        ReadOnlySpan<byte> below = PosixNames.TrimMarker(entry.Path, ref kind);
        SkipReason reason = Judge(mount, kind, below, entry, out ReadOnlySpan<byte> path);
        if (reason != SkipReason.None)
        {
            // What another store hides is the wish of whoever mounted it; the directories above it are not worth a word.
            return (kind == StoreEntryKind.Directory && reason == SkipReason.HiddenByMount) || TrySkip(mount, entry.Path, reason, append);
        }

        int parent = path.LastIndexOf((byte)'/');
        if (parent > 0 && !TryAddDirectory(path[..parent], append))
        {
            return false;
        }

        int keyLength = SortRecord.WriteKey(_key, path);
        int payloadLength = SortRecord.WritePayload(_payload, kind, entry, mount);
        if (!append(_key.AsSpan(0, keyLength), _payload.AsSpan(0, payloadLength)))
        {
            return false;
        }

        Directories += kind == StoreEntryKind.Directory ? 1 : 0;
        Files += kind == StoreEntryKind.Directory ? 0 : 1;
        Bytes += kind == StoreEntryKind.File ? entry.Size : 0;
        return true;
    }

    /// <summary>True where a shard's members would be shown: its name can be in a tree and no other store hides it. Any thread may call it.</summary>
    public bool Shows(int mount, StoreEntry entry)
    {
        byte[] prefix = _mountPaths[mount];
        return PosixNames.Check(entry.Path) == SkipReason.None && (!_nested || OwnerOf(prefix.Length == 0 ? entry.Path : [.. prefix, (byte)'/', .. entry.Path]) == mount);
    }

    /// <summary>Adds one entry of a shard below the shard's own path.</summary>
    /// <returns>False when <paramref name="append"/> took no more; call again with the same member.</returns>
    public bool TryEncodeMember(int mount, StoreEntry shard, in TarMember member, ReadOnlySpan<byte> name, Append append)
    {
        byte[] below = new byte[shard.Path.Length + 1 + name.Length];
        shard.Path.CopyTo(below, 0);
        below[shard.Path.Length] = (byte)'/';
        name.CopyTo(below.AsSpan(shard.Path.Length + 1));
        if (member.Kind == TarMemberKind.Directory)
        {
            return TryEncode(mount, DirectoryOf(shard) with { Path = below, MtimeNanoseconds = member.MtimeNanoseconds }, append);
        }

        SkipReason reason = member.Kind switch
        {
            TarMemberKind.NoFile => SkipReason.NoFileInShard,
            TarMemberKind.Sparse => SkipReason.SparseInShard,
            _ => SkipReason.None,
        };
        ReadOnlySpan<byte> path = default;
        reason = reason == SkipReason.None ? Judge(mount, StoreEntryKind.File, below, shard, out path) : reason;
        if (reason != SkipReason.None)
        {
            return TrySkip(mount, below, reason, append);
        }

        if (!TryAddDirectory(path[..path.LastIndexOf((byte)'/')], append))
        {
            return false;
        }

        int keyLength = SortRecord.WriteKey(_key, path);
        int payloadLength = SortRecord.WriteMember(_payload, shard, member, mount);
        if (!append(_key.AsSpan(0, keyLength), _payload.AsSpan(0, payloadLength)))
        {
            return false;
        }

        Files++;
        Bytes += member.Size;
        return true;
    }

    /// <summary>Adds the directory that stands for a shard.</summary>
    /// <returns>False when <paramref name="append"/> took no more; call again.</returns>
    public bool TryEncodeShard(int mount, StoreEntry shard, Append append)
    {
        SkipReason reason = Judge(mount, StoreEntryKind.Directory, shard.Path, shard, out ReadOnlySpan<byte> path);
        if (reason != SkipReason.None)
        {
            return TrySkip(mount, shard.Path, reason, append);
        }

        int parent = path.LastIndexOf((byte)'/');
        if (parent > 0 && !TryAddDirectory(path[..parent], append))
        {
            return false;
        }

        int keyLength = SortRecord.WriteKey(_key, path);
        int payloadLength = SortRecord.WriteShard(_payload, DirectoryOf(shard), shard.Size, mount);
        if (!append(_key.AsSpan(0, keyLength), _payload.AsSpan(0, payloadLength)))
        {
            return false;
        }

        Directories++;
        return true;
    }

    /// <summary>What may read a file may search the directory in its place.</summary>
    private static StoreEntry DirectoryOf(StoreEntry shard) => shard with
    {
        Kind = StoreEntryKind.Directory,
        Size = 0,
        Identity = ObjectIdentity.None,
        Mode = shard.Mode is { } mode ? (ushort)(mode | ((mode & 0x124) >> 2)) : null, // 0444: r becomes x too.
    };

    /// <returns>False when <paramref name="append"/> took no more; call again.</returns>
    public bool TrySkip(int mount, ReadOnlySpan<byte> path, SkipReason reason, Append append)
    {
        byte[] prefix = _mountPaths[mount];
        int offset = prefix.Length == 0 ? 0 : prefix.Length + 1;
        int length = Math.Min(path.Length, _path.Length - offset);
        prefix.CopyTo(_path, 0);
        if (offset > 0)
        {
            _path[offset - 1] = (byte)'/';
        }

        path[..length].CopyTo(_path.AsSpan(offset));
        int keyLength = SortRecord.WriteSkippedKey(_key, _path.AsSpan(0, offset + length));
        if (!append(_key.AsSpan(0, keyLength), [(byte)reason]))
        {
            return false;
        }

        Skipped++;
        return true;
    }

    private SkipReason Judge(int mount, StoreEntryKind kind, ReadOnlySpan<byte> below, StoreEntry entry, out ReadOnlySpan<byte> path)
    {
        path = below;
        SkipReason reason = PosixNames.Check(below);
        if (reason != SkipReason.None)
        {
            return reason;
        }

        if (kind == StoreEntryKind.SymbolicLink && entry.LinkTarget is not { Length: > 0 and <= PosixNames.MaxLinkTargetBytes })
        {
            return SkipReason.UnusableLink;
        }

        byte[] prefix = _mountPaths[mount];
        if (prefix.Length > 0)
        {
            if (prefix.Length + 1 + below.Length > _path.Length)
            {
                return SkipReason.PathTooLong;
            }

            prefix.CopyTo(_path, 0);
            _path[prefix.Length] = (byte)'/';
            below.CopyTo(_path.AsSpan(prefix.Length + 1));
            path = _path.AsSpan(0, below.IsEmpty ? prefix.Length : prefix.Length + 1 + below.Length);
        }

        return _nested && OwnerOf(path) != mount ? SkipReason.HiddenByMount : SkipReason.None;
    }

    /// <summary>Adds a directory and those above it, as far as they are not known to be written.</summary>
    private bool TryAddDirectory(ReadOnlySpan<byte> path, Append append)
    {
        if (_knownSpans.Contains(path))
        {
            return true;
        }

        int keyLength = SortRecord.WriteKey(_key, path);
        int payloadLength = SortRecord.WriteImpliedDirectory(_payload, OwnerOf(path));
        int parent = path.LastIndexOf((byte)'/');
        if (!append(_key.AsSpan(0, keyLength), _payload.AsSpan(0, payloadLength)) || (parent > 0 && !TryAddDirectory(path[..parent], append)))
        {
            return false;
        }

        if (_known.Count >= MaxKnownDirectories)
        {
            _known.Clear();
        }

        // Last, because a known directory vouches for all above it.
        _knownSpans.Add(path);
        return true;
    }

    /// <summary>The mount that a path belongs to: the deepest at or above it, or the first where there is none.</summary>
    private int OwnerOf(ReadOnlySpan<byte> path)
    {
        int owner = -1;
        for (int i = 0; i < _mountPaths.Length; i++)
        {
            if (IsAtOrBelow(path, _mountPaths[i]) && (owner < 0 || _mountPaths[i].Length > _mountPaths[owner].Length))
            {
                owner = i;
            }
        }

        return Math.Max(0, owner);
    }

    private static bool IsAtOrBelow(ReadOnlySpan<byte> path, ReadOnlySpan<byte> ancestor) =>
        ancestor.IsEmpty || (path.StartsWith(ancestor) && (path.Length == ancestor.Length || path[ancestor.Length] == '/'));

    private sealed class PathComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate) => (int)XxHash3.HashToUInt64(alternate);

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
