using System.Buffers.Binary;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// One found name as it is sorted and written to runs: <c>u16 key length, u16 payload length, key, payload</c>. The key is the depth
/// (big-endian) and the path with NUL for every slash, so that plain comparison of bytes gives the order of a manifest's rows: level
/// by level, the names of one directory side by side. Among equal keys the payload decides, the better claim first.
/// </summary>
internal readonly unsafe ref struct SortRecord
{
    public const int HeaderBytes = 4;
    public const int DepthBytes = 2;
    public const int FixedPayloadBytes = 74;

    /// <summary>The depth of names that are not in the tree; they sort behind it.</summary>
    public const ushort SkippedDepth = ushort.MaxValue;

    public const int MaxBytes = HeaderBytes + DepthBytes + PosixNames.MaxPathBytes + FixedPayloadBytes + MaxTextBytes;

    /// <summary>No server's ETag and no link's target comes near.</summary>
    public const int MaxTextBytes = 8192;

    // The payload: rank, time and offset decide in this order between claims to one name, so they are stored the way bytes compare.
    private const int TimeAt = 1;
    private const int OffsetAt = 9;
    private const int KindAt = 17;
    private const int IdentityKindAt = 18;
    private const int HasAt = 19;
    private const int ModeAt = 20;
    private const int UidAt = 22;
    private const int GidAt = 26;
    private const int MountAt = 30;
    private const int SizeAt = 34;
    private const int IdentityAt = 42;
    private const int MemberTimeAt = 58;
    private const int ObjectSizeAt = 66;

    private const byte HasMode = 1;
    private const byte HasUid = 2;
    private const byte HasGid = 4;

    private readonly byte* _record;

    public SortRecord(byte* record) => _record = record;

    /// <summary>What a name is worth against another claim to it. A directory shadows a file; the store's own word on a directory beats its being implied by what is in it,
    /// and its word on a file that of a shard on a member.</summary>
    public enum Rank : byte
    {
        /// <summary>The directory that stands for an indexed shard.</summary>
        Shard = 0,
        Directory = 1,
        ImpliedDirectory = 2,
        File = 3,

        /// <summary>A file inside a shard.</summary>
        Member = 4,
    }

    public ReadOnlySpan<byte> Key => new(_record + HeaderBytes, KeyLength(_record));

    public ReadOnlySpan<byte> Payload => new(_record + HeaderBytes + KeyLength(_record), PayloadLength(_record));

    public ReadOnlySpan<byte> Bytes => new(_record, Length(_record));

    public ushort Depth => BinaryPrimitives.ReadUInt16BigEndian(Key);

    /// <summary>Path with NUL for every slash; of a skipped name the path as it is.</summary>
    public ReadOnlySpan<byte> Path => Key[DepthBytes..];

    public Rank Claim => (Rank)Payload[0];

    public SkipReason SkipReason => (SkipReason)Payload[0];

    public bool IsMember => Claim == Rank.Member;

    public long MtimeNanoseconds => IsMember
        ? BinaryPrimitives.ReadInt64LittleEndian(Payload[MemberTimeAt..])
        : (long)(~BinaryPrimitives.ReadUInt64BigEndian(Payload[TimeAt..]) ^ (1UL << 63));

    /// <summary>Where a member's bytes begin in its shard; 0 for all others.</summary>
    public long Offset => (long)~BinaryPrimitives.ReadUInt64BigEndian(Payload[OffsetAt..]);

    /// <summary>Bytes of the shard that a directory stands for; 0 for all others.</summary>
    public long ObjectSize => BinaryPrimitives.ReadInt64LittleEndian(Payload[ObjectSizeAt..]);

    public StoreEntryKind Kind => (StoreEntryKind)Payload[KindAt];

    public IdentityKind IdentityKind => (IdentityKind)Payload[IdentityKindAt];

    public ushort? Mode => (Payload[HasAt] & HasMode) != 0 ? BinaryPrimitives.ReadUInt16LittleEndian(Payload[ModeAt..]) : null;

    public uint? Uid => (Payload[HasAt] & HasUid) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(Payload[UidAt..]) : null;

    public uint? Gid => (Payload[HasAt] & HasGid) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(Payload[GidAt..]) : null;

    public int Mount => BinaryPrimitives.ReadInt32LittleEndian(Payload[MountAt..]);

    public long Size => BinaryPrimitives.ReadInt64LittleEndian(Payload[SizeAt..]);

    public UInt128 IdentityValue => BinaryPrimitives.ReadUInt128LittleEndian(Payload[IdentityAt..]);

    /// <summary>An ETag's text or a link's target.</summary>
    public ReadOnlySpan<byte> Text => Payload[FixedPayloadBytes..];

    public ObjectIdentity Identity => ObjectIdentity.FromParts(IdentityKind, IdentityValue, IdentityKind == IdentityKind.TextETag ? Encoding.UTF8.GetString(Text) : null);

    public static int KeyLength(byte* record) => BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(record, 2));

    public static int PayloadLength(byte* record) => BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(record + 2, 2));

    public static int Length(byte* record) => HeaderBytes + KeyLength(record) + PayloadLength(record);

    public static int Compare(byte* left, byte* right)
    {
        int leftKey = KeyLength(left);
        int rightKey = KeyLength(right);
        int order = new ReadOnlySpan<byte>(left + HeaderBytes, leftKey).SequenceCompareTo(new ReadOnlySpan<byte>(right + HeaderBytes, rightKey));
        return order != 0
            ? order
            : new ReadOnlySpan<byte>(left + HeaderBytes + leftKey, PayloadLength(left)).SequenceCompareTo(new ReadOnlySpan<byte>(right + HeaderBytes + rightKey, PayloadLength(right)));
    }

    /// <summary>Writes a key.</summary>
    /// <returns>Its length.</returns>
    public static int WriteKey(Span<byte> key, ReadOnlySpan<byte> path)
    {
        Span<byte> copy = key.Slice(DepthBytes, path.Length);
        path.CopyTo(copy);
        int depth = path.IsEmpty ? 0 : path.Count((byte)'/') + 1;
        copy.Replace((byte)'/', (byte)0);
        BinaryPrimitives.WriteUInt16BigEndian(key, (ushort)depth);
        return DepthBytes + path.Length;
    }

    /// <summary>Writes the key of a name that is left out.</summary>
    /// <returns>Its length.</returns>
    public static int WriteSkippedKey(Span<byte> key, ReadOnlySpan<byte> path)
    {
        BinaryPrimitives.WriteUInt16BigEndian(key, SkippedDepth);
        path.CopyTo(key[DepthBytes..]);
        return DepthBytes + path.Length;
    }

    /// <summary>Writes what a store says of a name.</summary>
    /// <returns>Its length.</returns>
    public static int WritePayload(Span<byte> payload, StoreEntryKind kind, StoreEntry entry, int mount)
    {
        bool isFile = kind == StoreEntryKind.File;
        ObjectIdentity identity = isFile ? entry.Identity : ObjectIdentity.None;
        payload[0] = (byte)(kind == StoreEntryKind.Directory ? Rank.Directory : Rank.File);

        // The newest first: of two answers for one name the later one is likelier to be there still.
        BinaryPrimitives.WriteUInt64BigEndian(payload[TimeAt..], ~((ulong)entry.MtimeNanoseconds ^ (1UL << 63)));
        BinaryPrimitives.WriteUInt64BigEndian(payload[OffsetAt..], ulong.MaxValue);
        payload[KindAt] = (byte)kind;
        payload[IdentityKindAt] = (byte)identity.Kind;
        payload[HasAt] = (byte)((entry.Mode is null ? 0 : HasMode) | (entry.Uid is null ? 0 : HasUid) | (entry.Gid is null ? 0 : HasGid));
        BinaryPrimitives.WriteUInt16LittleEndian(payload[ModeAt..], entry.Mode ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[UidAt..], entry.Uid ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[GidAt..], entry.Gid ?? 0);
        BinaryPrimitives.WriteInt32LittleEndian(payload[MountAt..], mount);
        BinaryPrimitives.WriteInt64LittleEndian(payload[SizeAt..], isFile ? entry.Size : 0);
        BinaryPrimitives.WriteUInt128LittleEndian(payload[IdentityAt..], identity.Value);
        payload[MemberTimeAt..FixedPayloadBytes].Clear();
        return FixedPayloadBytes + WriteText(payload[FixedPayloadBytes..], kind, entry, identity);
    }

    /// <summary>Writes a file inside a shard. Of two members of one name the one behind counts, as it does when a tar is unpacked.</summary>
    /// <param name="shard">Its owner, mode, identity and time.</param>
    /// <returns>Its length.</returns>
    public static int WriteMember(Span<byte> payload, StoreEntry shard, in TarMember member, int mount)
    {
        int length = WritePayload(payload, StoreEntryKind.File, shard, mount);
        payload[0] = (byte)Rank.Member;
        BinaryPrimitives.WriteUInt64BigEndian(payload[OffsetAt..], ~(ulong)member.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(payload[SizeAt..], member.Size);
        BinaryPrimitives.WriteInt64LittleEndian(payload[MemberTimeAt..], member.MtimeNanoseconds);
        return length;
    }

    /// <summary>Writes the directory that stands for a shard.</summary>
    /// <param name="directory">As such.</param>
    /// <returns>Its length.</returns>
    public static int WriteShard(Span<byte> payload, StoreEntry directory, long objectSize, int mount)
    {
        int length = WritePayload(payload, StoreEntryKind.Directory, directory, mount);
        payload[0] = (byte)Rank.Shard;
        BinaryPrimitives.WriteInt64LittleEndian(payload[ObjectSizeAt..], objectSize);
        return length;
    }

    /// <summary>Writes a directory that only follows from what is in it.</summary>
    /// <returns>Its length.</returns>
    public static int WriteImpliedDirectory(Span<byte> payload, int mount)
    {
        payload[..FixedPayloadBytes].Clear();
        payload[0] = (byte)Rank.ImpliedDirectory;
        BinaryPrimitives.WriteUInt64BigEndian(payload[OffsetAt..], ulong.MaxValue);
        payload[KindAt] = (byte)StoreEntryKind.Directory;
        BinaryPrimitives.WriteInt32LittleEndian(payload[MountAt..], mount);
        return FixedPayloadBytes;
    }

    private static int WriteText(Span<byte> text, StoreEntryKind kind, StoreEntry entry, in ObjectIdentity identity)
    {
        if (kind == StoreEntryKind.SymbolicLink)
        {
            entry.LinkTarget.CopyTo(text);
            return entry.LinkTarget!.Length;
        }

        if (identity.Kind != IdentityKind.TextETag)
        {
            return 0;
        }

        return Encoding.UTF8.TryGetBytes(identity.Text, text[..Math.Min(text.Length, MaxTextBytes)], out int written)
            ? written
            : throw new CacheException(CacheError.Unsupported, $"The ETag of `{Encoding.UTF8.GetString(entry.Path)}` is longer than {MaxTextBytes} bytes.");
    }
}
