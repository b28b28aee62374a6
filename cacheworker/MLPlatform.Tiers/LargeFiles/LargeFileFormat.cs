using System.Buffers.Binary;
using MLPlatform.Core;

namespace MLPlatform.Tiers.LargeFiles;

/// <summary>
/// The map beside a large file's data, byte for byte as docs/FORMAT.md says: a header page, then eight bytes for each unit. An entry
/// is present exactly when its second half follows from the first, the unit's number and the file's key; so zeros, torn entries and entries of other files are absent.
/// </summary>
internal static class LargeFileFormat
{
    public const int HeaderBytes = 4096;
    public const int EntryBytes = 8;
    public const uint Version = 1;
    public const uint PinnedFlag = 1;

    // What is covered by the header's checksum, which follows.
    private const int CheckedBytes = 72;

    private static ReadOnlySpan<byte> Magic => "mlp-lmap"u8;

    public static long MapBytes(long fileBytes) => HeaderBytes + (CacheUnits.UnitsOf(fileBytes) * EntryBytes);

    /// <summary>File systems give space by the page.</summary>
    public static long RoundToPage(long bytes) => (bytes + 4095) & ~4095L;

    public static long EntryOffset(long unit) => HeaderBytes + (unit * EntryBytes);

    /// <param name="header">At least <see cref="HeaderBytes"/>; the rest becomes zeros.</param>
    public static void WriteHeader(Span<byte> header, Guid cacheId, in LargeFileInfo file)
    {
        header[..HeaderBytes].Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], HeaderBytes);
        cacheId.TryWriteBytes(header[16..]);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], file.Key.High);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], file.Key.Low);
        BinaryPrimitives.WriteInt64LittleEndian(header[48..], file.Size);
        BinaryPrimitives.WriteUInt32LittleEndian(header[56..], CacheUnits.UnitBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[60..], file.Dataset);
        BinaryPrimitives.WriteUInt32LittleEndian(header[64..], file.Created);
        BinaryPrimitives.WriteUInt32LittleEndian(header[68..], file.IsPinned ? PinnedFlag : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(header[CheckedBytes..], Crc32C.Of(header[..CheckedBytes]));
    }

    /// <returns>False for anything but a header of this format and this cache.</returns>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, Guid cacheId, out LargeFileInfo file)
    {
        file = default;
        if (header.Length < HeaderBytes
            || !header.StartsWith(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(header[CheckedBytes..]) != Crc32C.Of(header[..CheckedBytes])
            || new Guid(header.Slice(16, 16)) != cacheId
            || BinaryPrimitives.ReadUInt32LittleEndian(header[56..]) != CacheUnits.UnitBytes)
        {
            return false;
        }

        file = new LargeFileInfo
        {
            Key = new FileKey(BinaryPrimitives.ReadUInt64LittleEndian(header[32..]), BinaryPrimitives.ReadUInt64LittleEndian(header[40..])),
            Size = BinaryPrimitives.ReadInt64LittleEndian(header[48..]),
            Dataset = BinaryPrimitives.ReadUInt32LittleEndian(header[60..]),
            Created = BinaryPrimitives.ReadUInt32LittleEndian(header[64..]),
            IsPinned = (BinaryPrimitives.ReadUInt32LittleEndian(header[68..]) & PinnedFlag) != 0,
        };
        return file.Size > 0;
    }

    public static void WriteEntry(Span<byte> entry, in FileKey key, long unit, uint checksum)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(entry, checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], CheckWord(key, unit, checksum));
    }

    /// <returns>False: the unit is absent.</returns>
    public static bool TryReadEntry(ReadOnlySpan<byte> entry, in FileKey key, long unit, out uint checksum)
    {
        checksum = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        return BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]) == CheckWord(key, unit, checksum);
    }

    /// <summary>CRC-32C of key, unit number and checksum, each little-endian; 1 where that is 0.</summary>
    private static uint CheckWord(in FileKey key, long unit, uint checksum)
    {
        Span<byte> input = stackalloc byte[28];
        BinaryPrimitives.WriteUInt64LittleEndian(input, key.High);
        BinaryPrimitives.WriteUInt64LittleEndian(input[8..], key.Low);
        BinaryPrimitives.WriteInt64LittleEndian(input[16..], unit);
        BinaryPrimitives.WriteUInt32LittleEndian(input[24..], checksum);
        return Math.Max(1, Crc32C.Of(input));
    }
}
