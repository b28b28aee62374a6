using System.Buffers.Binary;

namespace MLPlatform.Datasets;

/// <summary>One entry of a manifest's section table.</summary>
/// <param name="Width">Bytes per element of a column (0: every element is <paramref name="Base"/>); 0 for a blob.</param>
/// <param name="Offset">From the start of the file.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Count">Elements; 0 for a blob.</param>
/// <param name="Base">An element is Base + stored × Unit, modulo 2⁶⁴.</param>
internal readonly record struct ManifestSection(SectionType Type, int Width, long Offset, long Length, long Count, ulong Base, ulong Unit)
{
    public static ManifestSection Read(ReadOnlySpan<byte> entry) => new(
        (SectionType)BinaryPrimitives.ReadUInt32LittleEndian(entry),
        BinaryPrimitives.ReadInt32LittleEndian(entry[4..]),
        BinaryPrimitives.ReadInt64LittleEndian(entry[8..]),
        BinaryPrimitives.ReadInt64LittleEndian(entry[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(entry[24..]),
        BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]),
        BinaryPrimitives.ReadUInt64LittleEndian(entry[40..]));

    public void Write(Span<byte> entry)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)Type);
        BinaryPrimitives.WriteInt32LittleEndian(entry[4..], Width);
        BinaryPrimitives.WriteInt64LittleEndian(entry[8..], Offset);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], Length);
        BinaryPrimitives.WriteInt64LittleEndian(entry[24..], Count);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[32..], Base);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[40..], Unit);
    }
}
