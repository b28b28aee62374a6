using CsCheck;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Lab;

public sealed class SyntheticContentProperties
{
    [Fact]
    public void Fill_AnySplit_GivesTheSameBytes() =>
        Gen.Select(Gen.ULong, Gen.String, Gen.Int[0, 3_000_000], Gen.Int[0, 5000], Gen.Int[0, 5000]).Sample((seed, key, offset, first, second) =>
        {
            byte[] whole = new byte[first + second];
            SyntheticContent.Fill(seed, key, offset, whole);
            byte[] tail = new byte[second];
            SyntheticContent.Fill(seed, key, offset + first, tail);
            Assert.Equal(-1, SyntheticContent.FirstMismatch(seed, key, offset, whole));
            Assert.True(whole.AsSpan(first).SequenceEqual(tail));
        });

    [Fact]
    public void FirstMismatch_OneByteChanged_IsFoundThere() =>
        Gen.Select(Gen.Int[1, 2_500_000], Gen.Double.Unit).Sample((length, at) =>
        {
            byte[] bytes = new byte[length];
            SyntheticContent.Fill(1, "k", 77, bytes);
            int place = (int)(at * (length - 1));
            bytes[place] ^= 1;
            Assert.Equal(place, SyntheticContent.FirstMismatch(1, "k", 77, bytes));
        }, iter: 50);

    [Theory]
    [InlineData(4096)]
    [InlineData(64 << 10)]
    [InlineData(4 << 20)]
    [InlineData(8 << 20)]
    public void Fill_WrongBlockOfTheSameFile_DoesNotLookRight(int blockBytes)
    {
        byte[] block = new byte[4096];
        SyntheticContent.Fill(1, "k", blockBytes, block);
        Assert.InRange(SyntheticContent.FirstMismatch(1, "k", 0, block), 0, 16);
    }

    [Fact]
    public void KeyOrder_AnyKeys_IsThatOfTheirUtf8Bytes()
    {
        // Well-formed text only: a key is UTF-8 on the wire.
        Gen<string> text = Gen.OneOf(Gen.Int[32, 126], Gen.Int[0xE000, 0xFFFD], Gen.Int[0x10000, 0x10100], Gen.Int[0x80, 0x2000]).Array[0, 5].Select(c => string.Concat(c.Select(char.ConvertFromUtf32)));
        Gen.Select(text, text).Sample((left, right) =>
        {
            int expected = System.Text.Encoding.UTF8.GetBytes(left).AsSpan().SequenceCompareTo(System.Text.Encoding.UTF8.GetBytes(right));
            Assert.Equal(Math.Sign(expected), Math.Sign(KeyOrder.Instance.Compare(left, right)));
        });
    }
}
