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
    public const int FixedPayloadBytes = 50;

    /// <summary>The depth of names that are not in the tree; they sort behind it.</summary>
    public const ushort SkippedDepth = ushort.MaxValue;

    public const int MaxBytes = HeaderBytes + DepthBytes + PosixNames.MaxPathBytes + FixedPayloadBytes + MaxTextBytes;

    /// <summary>No server's ETag and no link's target comes near.</summary>
    public const int MaxTextBytes = 8192;

    private const byte HasMode = 1;
    private const byte HasUid = 2;
    private const byte HasGid = 4;

    private readonly byte* _record;

    public SortRecord(byte* record) => _record = record;

    /// <summary>What a name is worth against another claim to it. A directory shadows a file; the store's own word on a directory beats its being implied by what is in it.</summary>
    public enum Rank : byte
    {
        Directory = 0,
        ImpliedDirectory = 1,
        File = 2,
    }

    public ReadOnlySpan<byte> Key => new(_record + HeaderBytes, KeyLength(_record));

    public ReadOnlySpan<byte> Payload => new(_record + HeaderBytes + KeyLength(_record), PayloadLength(_record));

    public ReadOnlySpan<byte> Bytes => new(_record, Length(_record));

    public ushort Depth => BinaryPrimitives.ReadUInt16BigEndian(Key);

    /// <summary>Path with NUL for every slash; of a skipped name the path as it is.</summary>
    public ReadOnlySpan<byte> Path => Key[DepthBytes..];

    public Rank Claim => (Rank)Payload[0];

    public SkipReason SkipReason => (SkipReason)Payload[0];

    public long MtimeNanoseconds => (long)(~BinaryPrimitives.ReadUInt64BigEndian(Payload[1..]) ^ (1UL << 63));

    public StoreEntryKind Kind => (StoreEntryKind)Payload[9];

    public IdentityKind IdentityKind => (IdentityKind)Payload[10];

    public ushort? Mode => (Payload[11] & HasMode) != 0 ? BinaryPrimitives.ReadUInt16LittleEndian(Payload[12..]) : null;

    public uint? Uid => (Payload[11] & HasUid) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(Payload[14..]) : null;

    public uint? Gid => (Payload[11] & HasGid) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(Payload[18..]) : null;

    public int Mount => BinaryPrimitives.ReadInt32LittleEndian(Payload[22..]);

    public long Size => BinaryPrimitives.ReadInt64LittleEndian(Payload[26..]);

    public UInt128 IdentityValue => BinaryPrimitives.ReadUInt128LittleEndian(Payload[34..]);

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
        BinaryPrimitives.WriteUInt64BigEndian(payload[1..], ~((ulong)entry.MtimeNanoseconds ^ (1UL << 63)));
        payload[9] = (byte)kind;
        payload[10] = (byte)identity.Kind;
        payload[11] = (byte)((entry.Mode is null ? 0 : HasMode) | (entry.Uid is null ? 0 : HasUid) | (entry.Gid is null ? 0 : HasGid));
        BinaryPrimitives.WriteUInt16LittleEndian(payload[12..], entry.Mode ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[14..], entry.Uid ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[18..], entry.Gid ?? 0);
        BinaryPrimitives.WriteInt32LittleEndian(payload[22..], mount);
        BinaryPrimitives.WriteInt64LittleEndian(payload[26..], isFile ? entry.Size : 0);
        BinaryPrimitives.WriteUInt128LittleEndian(payload[34..], identity.Value);
        return FixedPayloadBytes + WriteText(payload[FixedPayloadBytes..], kind, entry, identity);
    }

    /// <summary>Writes a directory that only follows from what is in it.</summary>
    /// <returns>Its length.</returns>
    public static int WriteImpliedDirectory(Span<byte> payload, int mount)
    {
        payload[..FixedPayloadBytes].Clear();
        payload[0] = (byte)Rank.ImpliedDirectory;
        payload[9] = (byte)StoreEntryKind.Directory;
        BinaryPrimitives.WriteInt32LittleEndian(payload[22..], mount);
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
