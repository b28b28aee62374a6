using System.Buffers.Binary;
using System.Security.Cryptography;

namespace MLPlatform.Datasets;

/// <summary>The first 4096 bytes of a manifest. Their digest is the version's name: they hold the hash of the page hashes, and those hold the rest.</summary>
internal sealed record ManifestHeader
{
    public required long FileLength { get; init; }

    /// <summary>Where page 0 begins; pages are counted from here, the last may be short.</summary>
    public required long DataOffset { get; init; }

    public required long PageCount { get; init; }

    /// <summary>SHA-256 of the page hashes, which stand right behind the header.</summary>
    public required byte[] PageListHash { get; init; }

    public required long Rows { get; init; }

    public required long Files { get; init; }

    public required long Directories { get; init; }

    public required long Links { get; init; }

    public required long Bytes { get; init; }

    public required long SmallFiles { get; init; }

    public required long Skipped { get; init; }

    public required long SkippedListed { get; init; }

    public required ulong NextInode { get; init; }

    public required IReadOnlyList<ManifestSection> Sections { get; init; }

    /// <summary>Lays the header out and gives its digest.</summary>
    /// <param name="header">4096 zero bytes.</param>
    public DatasetVersionId Write(Span<byte> header)
    {
        ManifestFormat.Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], ManifestFormat.Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], ManifestFormat.HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], ManifestFormat.PageBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[20..], Sections.Count);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], FileLength);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], DataOffset);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], PageCount);
        PageListHash.CopyTo(header[48..]);
        BinaryPrimitives.WriteInt64LittleEndian(header[80..], Rows);
        BinaryPrimitives.WriteInt64LittleEndian(header[88..], Files);
        BinaryPrimitives.WriteInt64LittleEndian(header[96..], Directories);
        BinaryPrimitives.WriteInt64LittleEndian(header[104..], Links);
        BinaryPrimitives.WriteInt64LittleEndian(header[112..], Bytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[120..], SmallFiles);
        BinaryPrimitives.WriteInt64LittleEndian(header[128..], Skipped);
        BinaryPrimitives.WriteInt64LittleEndian(header[136..], SkippedListed);
        BinaryPrimitives.WriteUInt64LittleEndian(header[144..], NextInode);
        for (int i = 0; i < Sections.Count; i++)
        {
            Sections[i].Write(header.Slice(ManifestFormat.SectionTableOffset + (i * ManifestFormat.SectionEntryBytes), ManifestFormat.SectionEntryBytes));
        }

        Span<byte> digest = header.Slice(ManifestFormat.DigestOffset, ManifestFormat.HashBytes);
        SHA256.HashData(header[..ManifestFormat.DigestOffset], digest);
        return DatasetVersionId.FromBytes(digest);
    }

    /// <param name="header">4096 bytes whose magic, version and digest were found right.</param>
    public static ManifestHeader Read(ReadOnlySpan<byte> header)
    {
        int count = Math.Clamp(BinaryPrimitives.ReadInt32LittleEndian(header[20..]), 0, ManifestFormat.MaxSections);
        var sections = new ManifestSection[count];
        for (int i = 0; i < count; i++)
        {
            sections[i] = ManifestSection.Read(header.Slice(ManifestFormat.SectionTableOffset + (i * ManifestFormat.SectionEntryBytes), ManifestFormat.SectionEntryBytes));
        }

        return new ManifestHeader
        {
            FileLength = BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            DataOffset = BinaryPrimitives.ReadInt64LittleEndian(header[32..]),
            PageCount = BinaryPrimitives.ReadInt64LittleEndian(header[40..]),
            PageListHash = header.Slice(48, ManifestFormat.HashBytes).ToArray(),
            Rows = BinaryPrimitives.ReadInt64LittleEndian(header[80..]),
            Files = BinaryPrimitives.ReadInt64LittleEndian(header[88..]),
            Directories = BinaryPrimitives.ReadInt64LittleEndian(header[96..]),
            Links = BinaryPrimitives.ReadInt64LittleEndian(header[104..]),
            Bytes = BinaryPrimitives.ReadInt64LittleEndian(header[112..]),
            SmallFiles = BinaryPrimitives.ReadInt64LittleEndian(header[120..]),
            Skipped = BinaryPrimitives.ReadInt64LittleEndian(header[128..]),
            SkippedListed = BinaryPrimitives.ReadInt64LittleEndian(header[136..]),
            NextInode = BinaryPrimitives.ReadUInt64LittleEndian(header[144..]),
            Sections = sections,
        };
    }
}
