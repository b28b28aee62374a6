using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.LargeFiles;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>
/// docs/FORMAT.md, byte for byte. A difference here is a new format: raise its version, and write the file anew with <c>MLP_WRITE_GOLDEN=1</c>.
/// </summary>
public sealed class LargeFileGoldenTests
{
    private const int Size = (1 << 20) + 1;

    [Fact]
    public async Task Map_OfAFileWithTwoUnits_ComesOutByteForByte()
    {
        await using LargeFixture fixture = new LargeFixture().Open();
        byte[] content = SegmentFixture.ContentOf(1, Size);
        uint[] checksums = SegmentFixture.ChecksumsOf(content);
        fixture.Write(1, content, checksums, 2, 1, dataset: 7);
        fixture.Write(1, content, checksums, 16, 1, dataset: 7);
        LargeFile file = fixture.Store.Find(SegmentFixture.KeyOf(1))!;
        file.SetPinned(true);
        Assert.Equal(65_536 + 1, file.PresentBytes);
        byte[] map = await File.ReadAllBytesAsync(fixture.MapPath(1));
        await AssertGoldenAsync(map, "large-map.golden");

        // What the document says, by hand.
        FileKey key = SegmentFixture.KeyOf(1);
        Assert.EndsWith($"/{key.ToString()[..2]}/{key}.map", fixture.MapPath(1), StringComparison.Ordinal);
        Assert.Equal(4096 + (17 * 8), map.Length);
        Assert.Equal("mlp-lmap", Encoding.ASCII.GetString(map, 0, 8));
        Assert.Equal((1u, 4096u), (U32(map, 8), U32(map, 12)));
        Assert.Equal(SegmentFixture.CacheId, new Guid(map.AsSpan(16, 16)));
        Assert.Equal((key.High, key.Low, (ulong)Size), (U64(map, 32), U64(map, 40), U64(map, 48)));
        Assert.Equal((65_536u, 7u, 1_700_000_000u, 1u), (U32(map, 56), U32(map, 60), U32(map, 64), U32(map, 68)));
        Assert.Equal(Crc32C.Of(map.AsSpan(0, 72)), U32(map, 72));
        Assert.Equal(-1, map.AsSpan(76, 4096 - 76).IndexOfAnyExcept((byte)0));
        for (int unit = 0; unit < 17; unit++)
        {
            byte[] input = new byte[28];
            BinaryPrimitives.WriteUInt64LittleEndian(input, key.High);
            BinaryPrimitives.WriteUInt64LittleEndian(input.AsSpan(8), key.Low);
            BinaryPrimitives.WriteInt64LittleEndian(input.AsSpan(16), unit);
            BinaryPrimitives.WriteUInt32LittleEndian(input.AsSpan(24), checksums[unit]);
            Assert.Equal(unit is 2 or 16 ? (checksums[unit], Crc32C.Of(input)) : (0u, 0u), (U32(map, 4096 + (unit * 8)), U32(map, 4096 + (unit * 8) + 4)));
        }

        byte[] data = await File.ReadAllBytesAsync(fixture.DataPath(1));
        Assert.Equal(Size, data.Length);
        SegmentFixture.AssertSame(content.AsSpan(2 * 65_536, 65_536), data.AsSpan(2 * 65_536, 65_536), 1);
    }

    [Fact]
    public async Task Map_OfTheGoldenFile_IsRead()
    {
        await using LargeFixture fixture = new();
        byte[] content = SegmentFixture.ContentOf(1, Size);
        Directory.CreateDirectory(Path.GetDirectoryName(fixture.MapPath(1))!);
        await File.WriteAllBytesAsync(fixture.MapPath(1), Golden("large-map.golden"));
        await File.WriteAllBytesAsync(fixture.DataPath(1), content);
        fixture.Open();
        LargeFile file = fixture.Store.Find(SegmentFixture.KeyOf(1))!;
        Assert.Equal((7u, 1_700_000_000u, true, (long)Size, 65_537L), (file.Dataset, file.Info.Created, file.Info.IsPinned, file.Size, file.PresentBytes));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(1, content, (2 * 65_536) + 5, 1000));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(1, content, 16 * 65_536, 1));
        Assert.Equal(ReadOutcome.Miss, fixture.ReadChecked(1, content, 0, 1));

        // The rest of the data has no presence: its space has been given back.
        fixture.AssertCounts();
    }

    [Theory]
    [InlineData(0)] // Magic.
    [InlineData(8)] // Format.
    [InlineData(20)] // Cache.
    [InlineData(40)] // Key.
    [InlineData(50)] // Size.
    [InlineData(68)] // Flags.
    [InlineData(72)] // Checksum.
    public async Task Map_WithAnotherHeader_IsRemovedWithItsData(int at)
    {
        await using LargeFixture fixture = new();
        byte[] map = Golden("large-map.golden");
        map[at] ^= 1;
        Directory.CreateDirectory(Path.GetDirectoryName(fixture.MapPath(1))!);
        await File.WriteAllBytesAsync(fixture.MapPath(1), map);
        await File.WriteAllBytesAsync(fixture.DataPath(1), SegmentFixture.ContentOf(1, Size));
        fixture.Open();
        Assert.Equal(0, fixture.Store.Count);
        fixture.AssertCounts();
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private static byte[] Golden(string name)
    {
        using Stream stream = typeof(LargeFileGoldenTests).Assembly.GetManifestResourceStream(name) ?? throw new FileNotFoundException(name);
        byte[] golden = new byte[stream.Length];
        stream.ReadExactly(golden);
        return golden;
    }

    private static async Task AssertGoldenAsync(byte[] written, string name, [CallerFilePath] string source = "")
    {
        if (Environment.GetEnvironmentVariable("MLP_WRITE_GOLDEN") == "1")
        {
            await File.WriteAllBytesAsync(Path.Combine(Path.GetDirectoryName(source)!, name), written);
        }

        Assert.Equal(Convert.ToHexString(Golden(name)), Convert.ToHexString(written));
    }
}
