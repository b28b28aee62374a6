using CsCheck;
using MLPlatform.Tiers;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>Bytes of segment files that change under the store, while it runs and between runs.</summary>
public sealed class SegmentCorruptionFuzz
{
    private const int Files = 40;

    // A mask of 0 stands for a page that never reached the disk: it reads as zeros.
    private static readonly Gen<(double Where, byte Mask)[]> s_flips = Gen.Select(Gen.Double[0, 1], Gen.Frequency((5, Gen.Byte[1, 255]), (2, Gen.Const((byte)0)))).Array[1, 12];

    [Fact]
    public void Flips_WhileRunning_ServeNoWrongByte() => s_flips.Sample(flips => RunAsync(flips, isReopened: false).GetAwaiter().GetResult(), iter: 40, threads: 1);

    [Fact]
    public void Flips_BetweenRuns_ServeNoWrongByte() => s_flips.Sample(flips => RunAsync(flips, isReopened: true).GetAwaiter().GetResult(), iter: 40, threads: 1);

    [Fact]
    public async Task Flip_OfEachByteOfARecordAndItsTable_IsSeenOrHarmless()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        const int Length = 70;
        await fixture.AppendAsync(1, Length);
        await fixture.ReopenAsync();
        await fixture.Store.DisposeAsync();
        string path = fixture.SegmentPaths()[0];
        byte[] good = await File.ReadAllBytesAsync(path);
        for (int at = 0; at < good.Length; at++)
        {
            await File.WriteAllBytesAsync(path, good);
            SegmentStoreTests.Flip(path, at, mask: 1);
            await fixture.ReopenAsync();
            ReadOutcome outcome = fixture.ReadChecked(1, Length);
            bool isHarmful = at is >= 64 and < 64 + 64 + Length;
            Assert.Equal(isHarmful ? ReadOutcome.Corrupt : ReadOutcome.Hit, outcome);
            Assert.Equal((isHarmful ? 1 : 0, isHarmful ? 0 : 1), (fixture.Store.CorruptRecords, fixture.Store.RecordCount));
            await fixture.Store.DisposeAsync();
        }
    }

    private static int LengthOf(int id) => id % 5 == 0 ? id * 7 : (id * 41_017 % 180_000) + 1;

    private static async Task RunAsync((double Where, byte Mask)[] flips, bool isReopened)
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        for (int id = 0; id < Files; id++)
        {
            await fixture.AppendAsync(id, LengthOf(id));
            if (id == 15)
            {
                await fixture.CheckpointAsync();
            }
        }

        if (isReopened)
        {
            await fixture.Store.DisposeAsync();
        }

        string[] paths = fixture.SegmentPaths();
        foreach ((double where, byte mask) in flips)
        {
            double scaled = where * paths.Length * 0.999_999;
            string path = paths[(int)scaled];
            long offset = (long)((scaled - Math.Floor(scaled)) * new FileInfo(path).Length);
            if (mask != 0)
            {
                SegmentStoreTests.Flip(path, offset, mask);
                continue;
            }

            await using FileStream file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            file.Position = offset & -4096;
            await file.WriteAsync(new byte[Math.Min(4096, file.Length - file.Position)]);
        }

        if (isReopened)
        {
            await fixture.ReopenAsync();
        }

        long known = fixture.Store.RecordCount;
        int hits = 0;
        int corrupt = 0;
        for (int id = 0; id < Files; id++)
        {
            ReadOutcome outcome = fixture.ReadChecked(id, LengthOf(id));
            hits += outcome == ReadOutcome.Hit ? 1 : 0;
            if (outcome == ReadOutcome.Corrupt)
            {
                corrupt++;
                Assert.Equal(ReadOutcome.Miss, fixture.ReadChecked(id, LengthOf(id)));
            }
        }

        Assert.Equal(known, hits + corrupt);
        Assert.Equal((corrupt, corrupt), (fixture.Store.CorruptRecords, fixture.Store.ChecksumFailures));
        Assert.Equal(corrupt, fixture.Drops.Count);
        Assert.Equal(hits, fixture.Store.RecordCount);
        Assert.True(isReopened || known == Files);

        // Cleaning writes nothing anew that it has not verified, and goes on without a table that it can read.
        for (int id = 0; id < Files; id += 2)
        {
            fixture.Store.Remove(SegmentFixture.KeyOf(id));
        }

        while (await fixture.Store.CleanAsync(0.95, CancellationToken.None))
        {
        }

        for (int id = 1; id < Files; id += 2)
        {
            Assert.NotEqual(ReadOutcome.Corrupt, fixture.ReadChecked(id, LengthOf(id)));
        }

        Assert.Equal(fixture.Index.Count, fixture.Store.RecordCount);
    }
}
