using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Index;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>
/// docs/FORMAT.md, byte for byte. A difference here is a new format: raise its version, and write the file anew with <c>MLP_WRITE_GOLDEN=1</c>.
/// </summary>
public sealed class SegmentGoldenTests
{
    [Fact]
    public async Task SealedSegment_OfFixedRecords_ComesOutByteForByte()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        await fixture.AppendAsync(new FileKey(0x0011_2233_4455_6677, 0x8899_AABB_CCDD_EEFF), Encoding.ASCII.GetBytes("hello"), dataset: 7, RecordFlags.Pinned);
        await fixture.AppendAsync(new FileKey(1, 2), []);
        fixture.Time.Advance(TimeSpan.FromSeconds(5));
        await fixture.AppendAsync(new FileKey(3, 4), Encoding.ASCII.GetBytes(new string('x', 100)));

        // The next start seals what this one leaves.
        await fixture.ReopenAsync();
        byte[] written = await File.ReadAllBytesAsync(fixture.SegmentPaths()[0]);
        await AssertGoldenAsync(written, "segment.golden");

        // What the document says, by hand.
        Assert.EndsWith("/0000000001.seg", fixture.SegmentPaths()[0], StringComparison.Ordinal);
        Assert.Equal("mlp-segm", Encoding.ASCII.GetString(written, 0, 8));
        Assert.Equal((1u, 64u, 1UL, 3u, 1_700_000_000u), (U32(written, 8), U32(written, 12), U64(written, 32), U32(written, 40), U32(written, 44)));
        Assert.Equal(SegmentFixture.CacheId, new Guid(written.AsSpan(16, 16)));
        Assert.Equal(Crc32C.Of(written.AsSpan(0, 60)), U32(written, 60));

        byte[] id = SegmentFixture.CacheId.ToByteArray();
        Assert.Equal("MLCR", Encoding.ASCII.GetString(written, 64, 4));
        Assert.Equal(Crc32C.Of(written.AsSpan(64 + 8, 56)), U32(written, 64 + 4));
        Assert.Equal((0x0011_2233_4455_6677UL, 0x8899_AABB_CCDD_EEFFUL), (U64(written, 64 + 8), U64(written, 64 + 16)));
        Assert.Equal(U64(id, 0) ^ U64(id, 8), U64(written, 64 + 24));
        Assert.Equal((3UL << 56) | (1UL << 20) | 1, U64(written, 64 + 32));
        Assert.Equal((5u, 7u, 1_700_000_000u, 1u), (U32(written, 64 + 40), U32(written, 64 + 44), U32(written, 64 + 48), U32(written, 64 + 52)));
        Assert.Equal((0u, Crc32C.Of("hello"u8)), (U32(written, 64 + 56), U32(written, 64 + 60)));
        Assert.Equal("hello\0", Encoding.ASCII.GetString(written, 128, 6));

        // Records of 128, 64 and 192 bytes, a table of three rows, padding to 64, the trailer.
        const int Table = 64 + 128 + 64 + 192;
        Assert.Equal(Table + 128 + 64, written.Length);
        Assert.Equal((1UL, 2UL, 0u), (U64(written, Table + 32), U64(written, Table + 40), U32(written, Table + 48)));
        Assert.Equal((100u, 0u, 1_700_000_005u, 0u), (U32(written, Table + 80), U32(written, Table + 84), U32(written, Table + 88), U32(written, Table + 92)));
        const int Trailer = Table + 128;
        Assert.Equal("mlp-tabl", Encoding.ASCII.GetString(written, Trailer, 8));
        Assert.Equal((1u, 3u), (U32(written, Trailer + 8), U32(written, Trailer + 12)));
        Assert.Equal(U64(written, 64 + 24), U64(written, Trailer + 16));
        Assert.Equal((3UL << 56) | (1UL << 20) | (Table / 64), U64(written, Trailer + 24));
        Assert.Equal((Crc32C.Of(written.AsSpan(Table, 96)), Crc32C.Of(written.AsSpan(Trailer, 60))), (U32(written, Trailer + 32), U32(written, Trailer + 60)));
    }

    [Fact]
    public async Task Record_OfSeveralUnits_HasAChecksumForEach()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        byte[] content = SegmentFixture.ContentOf(1, 150_000);
        await fixture.AppendAsync(new FileKey(1, 2), content);
        byte[] written = await File.ReadAllBytesAsync(fixture.SegmentPaths()[0]);
        Assert.Equal(SegmentFixture.SmallSegmentBytes, written.Length);
        Assert.Equal(
            [Crc32C.Of(content.AsSpan(0, 65_536)), Crc32C.Of(content.AsSpan(65_536, 65_536)), Crc32C.Of(content.AsSpan(131_072))],
            [U32(written, 64 + 60), U32(written, 64 + 64), U32(written, 64 + 68)]);
        Assert.Equal(Crc32C.Of(written.AsSpan(64 + 8, 64)), U32(written, 64 + 4));
        SegmentFixture.AssertSame(content, written.AsSpan(64 + 72, content.Length), 1);
        Assert.Equal(-1, written.AsSpan(64 + 72 + content.Length).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task SealedSegment_OfTheGoldenFile_IsRead()
    {
        await using SegmentFixture fixture = new();
        Directory.CreateDirectory(fixture.Directory);
        await File.WriteAllBytesAsync(Path.Combine(fixture.Directory, "0000000001.seg"), Golden("segment.golden"));
        fixture.Open();
        Assert.Equal((3L, 105L, 3L), (fixture.Store.RecordCount, fixture.Store.PayloadBytes, fixture.Store.Recovery.Added));
        Assert.True(fixture.Store.TryFind(new FileKey(0x0011_2233_4455_6677, 0x8899_AABB_CCDD_EEFF), out RecordLocation location));
        Assert.Equal((7u, 1_700_000_000u, (uint)RecordFlags.Pinned), (location.Dataset, location.Created, location.Flags));
        Assert.Equal(ReadOutcome.Hit, fixture.Read(location.Place, 5, 1, 3, out byte[] bytes));
        Assert.Equal("ell", Encoding.ASCII.GetString(bytes));
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private static byte[] Golden(string name)
    {
        using Stream stream = typeof(SegmentGoldenTests).Assembly.GetManifestResourceStream(name) ?? throw new FileNotFoundException(name);
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
