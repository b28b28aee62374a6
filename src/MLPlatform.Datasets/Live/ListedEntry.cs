using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>What a store said about one name, without the name: 64 bytes, so that a listing of a million names stays near 100 MB.</summary>
internal struct ListedEntry
{
    /// <summary>The number given to this version of the name, or 0 while nobody asked.</summary>
    public ulong Inode;

    public long Size;

    public long MtimeNanoseconds;

    private readonly UInt128 _identityValue;

    // The text of an ETag that is no 16 bytes, or the target of a link (byte[]).
    private readonly object? _extra;

    private readonly uint _uid;

    private readonly uint _gid;

    private readonly ushort _mode;

    private readonly Known _known;

    private readonly IdentityKind _identityKind;

    public StoreEntryKind Kind;

    [Flags]
    private enum Known : byte
    {
        Uid = 1,
        Gid = 2,
        Mode = 4,
    }

    public ListedEntry(StoreEntry entry)
    {
        Size = entry.Kind == StoreEntryKind.Directory ? 0 : entry.Size;
        MtimeNanoseconds = entry.MtimeNanoseconds;
        Kind = entry.Kind;
        _identityKind = entry.Identity.Kind;
        _identityValue = entry.Identity.Value;
        _extra = entry.Kind == StoreEntryKind.SymbolicLink ? entry.LinkTarget : entry.Identity.Text;
        _uid = entry.Uid ?? 0;
        _gid = entry.Gid ?? 0;
        _mode = entry.Mode ?? 0;
        _known = (entry.Uid is null ? 0 : Known.Uid) | (entry.Gid is null ? 0 : Known.Gid) | (entry.Mode is null ? 0 : Known.Mode);
    }

    /// <summary>False for a link whose target no kernel takes.</summary>
    public static bool IsUsable(StoreEntry entry) =>
        entry.Kind != StoreEntryKind.SymbolicLink || entry.LinkTarget is { Length: > 0 and <= PosixNames.MaxLinkTargetBytes };

    /// <summary>A directory that is only known to exist.</summary>
    public static ListedEntry PlainDirectory => new() { Kind = StoreEntryKind.Directory };

    public readonly ObjectIdentity Identity => ObjectIdentity.FromParts(_identityKind, _identityValue, _extra as string);

    public readonly byte[]? LinkTarget => _extra as byte[];

    /// <summary>Whether both are one version of one name, and so share an inode number. Directories are one thing for ever.</summary>
    public readonly bool IsSameVersion(in ListedEntry other)
    {
        if (Kind != other.Kind)
        {
            return false;
        }

        return Kind switch
        {
            StoreEntryKind.Directory => true,
            StoreEntryKind.SymbolicLink => MtimeNanoseconds == other.MtimeNanoseconds && LinkTarget.AsSpan().SequenceEqual(other.LinkTarget),
            // A store that tells versions apart by nothing leaves length and time.
            _ => Size == other.Size
                && _identityKind == other._identityKind
                && _identityValue == other._identityValue
                && _extra as string == other._extra as string
                && (_identityKind != IdentityKind.None || MtimeNanoseconds == other.MtimeNanoseconds),
        };
    }

    public readonly TreeEntry ToTreeEntry(ulong inode, long plainDirectoryMtime) => new()
    {
        Inode = inode,
        Kind = Kind,
        Size = Size,
        MtimeNanoseconds = Kind == StoreEntryKind.Directory && MtimeNanoseconds == 0 ? plainDirectoryMtime : MtimeNanoseconds,
        Uid = (_known & Known.Uid) != 0 ? _uid : null,
        Gid = (_known & Known.Gid) != 0 ? _gid : null,
        Mode = (_known & Known.Mode) != 0 ? _mode : null,
        LinkCount = 1,
    };
}
