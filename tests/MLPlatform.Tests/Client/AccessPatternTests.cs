using MLPlatform.Client;
using Xunit;

namespace MLPlatform.Tests.Client;

public sealed class AccessPatternTests
{
    private const long Size = 1L << 30;
    private const int Read = 128 << 10;

    [Fact]
    public void Observe_FirstReadElsewhere_IsRandom() => Assert.Null(new AccessPattern(Size).Observe(100 << 20, Read));

    [Fact]
    public void Observe_FirstReadAtTheBeginning_IsAStream() => Assert.NotNull(new AccessPattern(Size).Observe(0, Read));

    [Fact]
    public void Observe_SecondAdjacentRead_IsAStream()
    {
        AccessPattern pattern = new(Size);
        pattern.Observe(100 << 20, Read);
        ReadStream? stream = pattern.Observe((100 << 20) + Read, Read);
        Assert.NotNull(stream);
        Assert.Equal((100 << 20) + (2 * Read), stream.Next);
    }

    [Fact]
    public void Observe_RequestsSwappedInPairs_StaysOneStream()
    {
        AccessPattern pattern = new(Size);
        ReadStream? stream = null;
        for (int i = 0; i < 200; i += 2)
        {
            pattern.Observe((i + 1L) * Read, Read);
            stream = pattern.Observe((long)i * Read, Read);
        }

        Assert.Equal(1, pattern.ConfirmedStreams);
        Assert.Equal(200L * Read, stream!.Next);
        Assert.Equal(0, stream.HoleBytes);
    }

    [Fact]
    public void Observe_RequestsShuffledWithinEight_StaysOneStream()
    {
        AccessPattern pattern = new(Size);
        Random random = new(7);
        int[] order = [.. Enumerable.Range(0, 400)];
        for (int block = 0; block < order.Length; block += 8)
        {
            random.Shuffle(order.AsSpan(block, 8));
        }

        int lone = order.Count(i => pattern.Observe((long)i * Read, Read) is null);
        Assert.Equal(1, pattern.ConfirmedStreams);
        Assert.InRange(lone, 0, 12);
    }

    [Fact]
    public void Observe_EightReadersInterleaved_AreEightStreams()
    {
        AccessPattern pattern = new(Size);
        ReadStream?[] last = new ReadStream?[8];
        for (int i = 0; i < 20; i++)
        {
            for (int reader = 0; reader < 8; reader++)
            {
                last[reader] = pattern.Observe((reader * (Size / 8)) + ((long)i * Read), Read);
            }
        }

        Assert.Equal(8, pattern.ConfirmedStreams);
        Assert.Equal(8, last.Distinct().Count());
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(3_000_000)]
    [InlineData(-(2 << 20))]
    public void Observe_ConstantStride_IsRecognisedAtTheThirdRead(int stride)
    {
        AccessPattern pattern = new(Size);
        long offset = Size / 2;
        Assert.Null(pattern.Observe(offset, Read));
        Assert.Null(pattern.Observe(offset += stride, Read));
        for (int i = 0; i < 10; i++)
        {
            ReadStream? stream = pattern.Observe(offset += stride, Read);
            Assert.True(stream is { IsStrided: true });
            Assert.Equal(stride, stream.Stride);
        }
    }

    [Fact]
    public void Observe_StrideOfUnitsOfSeveralReads_KeepsTheWholeUnit()
    {
        AccessPattern pattern = new(Size);
        ReadStream? stream = null;
        for (int unit = 0; unit < 6; unit++)
        {
            for (int i = 0; i < 4; i++)
            {
                stream = pattern.Observe((200L << 20) + (unit * (16L << 20)) + ((long)i * Read), Read);
            }
        }

        Assert.True(stream is { IsStrided: true });
        Assert.Equal(4 * Read, stream.UnitBytes);
    }

    [Fact]
    public void Observe_StreamThatBeginsToLeaveMostOut_IsDemoted()
    {
        AccessPattern pattern = new(Size);
        long offset = 0;
        for (int i = 0; i < 64; i++, offset += Read)
        {
            pattern.Observe(offset, Read);
        }

        int streams = 0;
        for (int i = 0; i < 64; i++, offset += 8 * Read)
        {
            streams += pattern.Observe(offset, Read) is { IsStrided: false } ? 1 : 0;
        }

        Assert.InRange(streams, 1, 20);
    }

    [Fact]
    public void Observe_RandomReads_AreNoStreams()
    {
        AccessPattern pattern = new(Size);
        Random random = new(3);
        int streams = Enumerable.Range(0, 10_000).Count(_ => pattern.Observe((1 + random.NextInt64((Size / 4096) - 1)) * 4096, 4096) is not null);
        Assert.InRange(streams, 0, 20);
    }
}
