using System.Buffers.Binary;
using System.Runtime.InteropServices;
using MLPlatform.Core;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Segments;

/// <summary>Segment files byte by byte, as docs/FORMAT.md has them. Integers are little-endian. Any thread may call it.</summary>
internal static class SegmentFormat
{
    public const uint Version = 1;

    /// <summary>As far as the 20 bits of an offset reach.</summary>
    public const int MaxSegmentBytes = 64 << 20;

    public const int SegmentHeaderBytes = 64;

    /// <summary>A header with the checksum of one unit; each further unit adds four bytes.</summary>
    public const int RecordHeaderBytes = 64;

    public const int MaxRecordHeaderBytes = RecordHeaderBytes + (4 * (CacheUnits.SmallFileUnits - 1));

    public const int TableRowBytes = 32;

    public const int TrailerBytes = 64;

    /// <summary>In a table: the bytes are no good. Never in a header or in the index.</summary>
    public const uint GoneFlag = 0x8000_0000;

    private const uint RecordMagic = 0x5243_4C4D; // MLCR

    private const string Extension = ".seg";

    private static ReadOnlySpan<byte> SegmentMagic => "mlp-segm"u8;

    private static ReadOnlySpan<byte> TrailerMagic => "mlp-tabl"u8;

    public static string FileName(long number) => $"{number:d10}{Extension}";

    /// <summary>False for every name that <see cref="FileName"/> does not give.</summary>
    public static bool TryParseFileName(string name, out long number)
    {
        number = 0;
        return name.EndsWith(Extension, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, name.Length - Extension.Length), System.Globalization.NumberStyles.None, null, out number)
            && number is > 0 and <= RecordPlace.MaxSegment
            && FileName(number) == name;
    }

    /// <summary>What records carry of the cache's id: enough that a file which is a copy of another cache's segment never passes for one of ours.</summary>
    public static ulong Stamp(Guid cacheId)
    {
        Span<ulong> halves = stackalloc ulong[2];
        cacheId.TryWriteBytes(MemoryMarshal.AsBytes(halves));
        return BinaryPrimitives.ReadUInt64LittleEndian(MemoryMarshal.AsBytes(halves)) ^ BinaryPrimitives.ReadUInt64LittleEndian(MemoryMarshal.AsBytes(halves[1..]));
    }

    public static int HeaderBytesOf(int length) => RecordHeaderBytes + (4 * Math.Max(0, (int)CacheUnits.UnitsOf(length) - 1));

    /// <summary>Bytes of a record in its segment, padding included.</summary>
    public static int RecordBytesOf(int length) => Align(HeaderBytesOf(length) + length);

    /// <summary>Bytes of a sealed segment.</summary>
    /// <param name="end">Where its records end.</param>
    public static long SealedBytes(long end, int records) => end + Align(records * TableRowBytes) + TrailerBytes;

    public static int Align(int bytes) => (bytes + RecordPlace.OffsetUnit - 1) & -RecordPlace.OffsetUnit;

    public static void WriteSegmentHeader(Span<byte> header, Guid cacheId, int device, long number, uint created)
    {
        header = header[..SegmentHeaderBytes];
        header.Clear();
        SegmentMagic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], SegmentHeaderBytes);
        cacheId.TryWriteBytes(header[16..]);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], number);
        BinaryPrimitives.WriteInt32LittleEndian(header[40..], device);
        BinaryPrimitives.WriteUInt32LittleEndian(header[44..], created);
        BinaryPrimitives.WriteUInt32LittleEndian(header[60..], Crc32C.Of(header[..60]));
    }

    /// <summary>True when the header is whole, of this format, and of this very segment.</summary>
    public static bool IsSegmentHeader(ReadOnlySpan<byte> header, Guid cacheId, int device, long number) =>
        header.Length >= SegmentHeaderBytes
        && header[..8].SequenceEqual(SegmentMagic)
        && BinaryPrimitives.ReadUInt32LittleEndian(header[60..]) == Crc32C.Of(header[..60])
        && BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) == Version
        && new Guid(header.Slice(16, 16)) == cacheId
        && BinaryPrimitives.ReadInt64LittleEndian(header[32..]) == number
        && BinaryPrimitives.ReadInt32LittleEndian(header[40..]) == device;

    /// <summary>Of a header that has been found right.</summary>
    public static unsafe FileKey KeyIn(nint header) => new(*(ulong*)(header + 8), *(ulong*)(header + 16));

    /// <param name="destination">At least <see cref="HeaderBytesOf"/>; filled so far.</param>
    public static void WriteRecordHeader(Span<byte> destination, ulong stamp, ulong place, in RecordHeader record, ReadOnlySpan<uint> checksums)
    {
        Span<byte> header = destination[..HeaderBytesOf(record.Length)];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, RecordMagic);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], record.Key.High);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], record.Key.Low);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], stamp);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], place);
        BinaryPrimitives.WriteInt32LittleEndian(header[40..], record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[44..], record.Dataset);
        BinaryPrimitives.WriteUInt32LittleEndian(header[48..], record.Created);
        BinaryPrimitives.WriteUInt32LittleEndian(header[52..], record.Flags);
        for (int i = 0; i < checksums.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(header[(60 + (4 * i))..], checksums[i]);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Crc32C.Of(header[8..]));
    }

    /// <summary>False unless a whole header of this cache begins here and says that it belongs at this place.</summary>
    public static bool TryReadRecordHeader(ReadOnlySpan<byte> header, ulong stamp, ulong place, out RecordHeader record)
    {
        record = default;
        if (header.Length < RecordHeaderBytes
            || BinaryPrimitives.ReadUInt32LittleEndian(header) != RecordMagic
            || BinaryPrimitives.ReadUInt64LittleEndian(header[24..]) != stamp
            || BinaryPrimitives.ReadUInt64LittleEndian(header[32..]) != place)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(header[40..]);
        if (length is < 0 or > CacheUnits.SmallFileBytes)
        {
            return false;
        }

        int bytes = HeaderBytesOf(length);
        if (header.Length < bytes || BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) != Crc32C.Of(header[8..bytes]))
        {
            return false;
        }

        record = new RecordHeader(
            ReadKey(header[8..]),
            length,
            BinaryPrimitives.ReadUInt32LittleEndian(header[44..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[48..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[52..]));
        return true;
    }

    /// <param name="header">A record's, already checked.</param>
    public static uint UnitChecksum(ReadOnlySpan<byte> header, int unit) => BinaryPrimitives.ReadUInt32LittleEndian(header[(60 + (4 * unit))..]);

    /// <param name="header">A record's, already checked.</param>
    /// <param name="payload">All of it.</param>
    public static bool IsPayload(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        for (int unit = 0; !payload.IsEmpty; unit++)
        {
            int length = Math.Min(payload.Length, CacheUnits.UnitBytes);
            if (Crc32C.Of(payload[..length]) != UnitChecksum(header, unit))
            {
                return false;
            }

            payload = payload[length..];
        }

        return true;
    }

    public static void WriteTableRow(Span<byte> row, in RecordHeader record)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(row, record.Key.High);
        BinaryPrimitives.WriteUInt64LittleEndian(row[8..], record.Key.Low);
        BinaryPrimitives.WriteInt32LittleEndian(row[16..], record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(row[20..], record.Dataset);
        BinaryPrimitives.WriteUInt32LittleEndian(row[24..], record.Created);
        BinaryPrimitives.WriteUInt32LittleEndian(row[28..], record.Flags);
    }

    public static RecordHeader ReadTableRow(ReadOnlySpan<byte> row) => new(
        ReadKey(row),
        BinaryPrimitives.ReadInt32LittleEndian(row[16..]),
        BinaryPrimitives.ReadUInt32LittleEndian(row[20..]),
        BinaryPrimitives.ReadUInt32LittleEndian(row[24..]),
        BinaryPrimitives.ReadUInt32LittleEndian(row[28..]));

    /// <param name="place">Where the table begins, which is where the records end.</param>
    /// <param name="table">Without its padding.</param>
    public static void WriteTrailer(Span<byte> trailer, ulong stamp, ulong place, ReadOnlySpan<byte> table)
    {
        trailer = trailer[..TrailerBytes];
        trailer.Clear();
        TrailerMagic.CopyTo(trailer);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(trailer[12..], table.Length / TableRowBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(trailer[16..], stamp);
        BinaryPrimitives.WriteUInt64LittleEndian(trailer[24..], place);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[32..], Crc32C.Of(table));
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[60..], Crc32C.Of(trailer[..60]));
    }

    /// <summary>False unless it is the trailer of this segment in a file of this length.</summary>
    /// <param name="end">Where records end and the table begins.</param>
    public static bool TryReadTrailer(ReadOnlySpan<byte> trailer, ulong stamp, int device, long number, long fileLength, out long end, out int records, out uint tableChecksum)
    {
        (end, records, tableChecksum) = (0, 0, 0);
        if (trailer.Length < TrailerBytes
            || !trailer[..8].SequenceEqual(TrailerMagic)
            || BinaryPrimitives.ReadUInt32LittleEndian(trailer[60..]) != Crc32C.Of(trailer[..60])
            || BinaryPrimitives.ReadUInt32LittleEndian(trailer[8..]) != Version
            || BinaryPrimitives.ReadUInt64LittleEndian(trailer[16..]) != stamp)
        {
            return false;
        }

        RecordPlace place = RecordPlace.Unpack(BinaryPrimitives.ReadUInt64LittleEndian(trailer[24..]));
        end = place.Offset;
        records = BinaryPrimitives.ReadInt32LittleEndian(trailer[12..]);
        tableChecksum = BinaryPrimitives.ReadUInt32LittleEndian(trailer[32..]);
        return place.Device == device && place.Segment == number
            && records is >= 0 and <= MaxSegmentBytes / TableRowBytes
            && SealedBytes(end, records) == fileLength;
    }

    private static FileKey ReadKey(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]));
}
