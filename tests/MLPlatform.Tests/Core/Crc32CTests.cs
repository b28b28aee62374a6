using System.Text;
using CsCheck;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Core;

public sealed class Crc32CTests
{
    public static TheoryData<string, uint> Rfc3720 { get; } = new()
    {
        // Appendix B.4, whose bytes are those of the checksum as it goes over the wire.
        { new string('0', 64), 0x8a9136aa },
        { new string('F', 64), 0x62a8ab43 },
        { Convert.ToHexString([.. Enumerable.Range(0, 32).Select(i => (byte)i)]), 0x46dd794e },
        { Convert.ToHexString([.. Enumerable.Range(0, 32).Select(i => (byte)(31 - i))]), 0x113fdb5c },
        { "01C000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000", 0xd9963a56 },

        // The check value of catalogues of CRCs.
        { Convert.ToHexString(Encoding.ASCII.GetBytes("123456789")), 0xe3069283 },
        { "", 0 },
    };

    [Theory]
    [MemberData(nameof(Rfc3720))]
    public void Of_KnownBytes_GivesThePublishedChecksum(string bytes, uint expected)
    {
        Assert.Equal(expected, Crc32C.Of(Convert.FromHexString(bytes)));
        Assert.Equal(expected, Crc32C.AppendPortable(0, Convert.FromHexString(bytes)));
    }

    [Fact]
    public void Append_EveryLengthNearALaneAtEveryAlignment_IsThePortableResult()
    {
        byte[] bytes = new byte[80_000];
        new Random(1).NextBytes(bytes);
        IEnumerable<int> lengths = Enumerable.Range(0, 1300)
            .Concat(Enumerable.Range(3 * 1024 - 20, 40))
            .Concat(Enumerable.Range(6 * 1024 - 20, 40))
            .Concat(Enumerable.Range(3 * 8192 - 20, 40))
            .Concat(Enumerable.Range(3 * 9344 - 20, 40))
            .Concat(Enumerable.Range(65_536 - 8, 16));
        foreach (int length in lengths)
        {
            for (int start = 0; start < (length < 1300 ? 8 : 2); start++)
            {
                ReadOnlySpan<byte> part = bytes.AsSpan(start, length);
                Assert.Equal(Crc32C.AppendPortable(0x1234_5678, part), Crc32C.Append(0x1234_5678, part));
            }
        }
    }

    [Fact]
    public void Append_AnyBytesInAnyTwoParts_IsThePortableResultOfTheWhole() =>
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Int[0, 70_000], Gen.Int[0, 70_000], Gen.Int[0, 15], Gen.UInt).Sample(
            (seed, length, cut, start, crc) =>
            {
                byte[] bytes = new byte[start + length];
                for (int i = 0; i < bytes.Length; i++)
                {
                    bytes[i] = seed.Length == 0 ? (byte)0 : (byte)(seed[i % seed.Length] + (i >> 8));
                }

                ReadOnlySpan<byte> whole = bytes.AsSpan(start);
                cut = Math.Min(cut, length);
                uint expected = Crc32C.AppendPortable(crc, whole);
                Assert.Equal(expected, Crc32C.Append(crc, whole));
                Assert.Equal(expected, Crc32C.Append(Crc32C.Append(crc, whole[..cut]), whole[cut..]));
            },
            iter: 300);
}
