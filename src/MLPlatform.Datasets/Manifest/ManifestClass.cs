using System.Buffers.Binary;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>What many rows have in common. A manifest holds each combination once, in the order of its first row.</summary>
internal readonly record struct ManifestClass(StoreEntryKind Kind, IdentityKind IdentityKind, ushort? Mode, uint? Uid, uint? Gid, int Mount, bool IsMember = false)
{
    private const byte HasMode = 1;
    private const byte HasUid = 2;
    private const byte HasGid = 4;
    private const byte Member = 8;

    /// <param name="bytes">24 bytes.</param>
    public static ManifestClass Read(ReadOnlySpan<byte> bytes)
    {
        byte has = bytes[2];
        return new ManifestClass(
            (StoreEntryKind)bytes[0],
            (IdentityKind)bytes[1],
            (has & HasMode) != 0 ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) : null,
            (has & HasUid) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) : null,
            (has & HasGid) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) : null,
            BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]),
            (has & Member) != 0);
    }

    /// <param name="bytes">24 zero bytes.</param>
    public void Write(Span<byte> bytes)
    {
        bytes[0] = (byte)Kind;
        bytes[1] = (byte)IdentityKind;
        bytes[2] = (byte)((Mode is null ? 0 : HasMode) | (Uid is null ? 0 : HasUid) | (Gid is null ? 0 : HasGid) | (IsMember ? Member : 0));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], Mode ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], Uid ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], Gid ?? 0);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[16..], Mount);
    }
}
