using CsCheck;
using MLPlatform.Tiers;
using MLPlatform.Tiers.LargeFiles;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>Bytes of data and map files that change under the store, while it runs and between runs.</summary>
public sealed class LargeFileCorruptionFuzz
{
    private const int Size = (2 << 20) + 77;
    private const int Units = 33;

    private static readonly byte[] s_content = SegmentFixture.ContentOf(0, Size);
    private static readonly uint[] s_checksums = SegmentFixture.ChecksumsOf(s_content);

    // A mask of 0 stands for a page that never reached the disk: it reads as zeros. Maps are as likely to be hit as data, headers as entries.
    private static readonly Gen<(int What, double Where, byte Mask)[]> s_flips =
        Gen.Select(Gen.Int[0, 2], Gen.Double[0, 0.999_999], Gen.Frequency((5, Gen.Byte[1, 255]), (1, Gen.Const((byte)0)))).Array[1, 6];

    [Fact]
    public void Flips_WhileRunning_ServeNoWrongByte() => s_flips.Sample(flips => RunAsync(flips, isReopened: false, isClosed: false).GetAwaiter().GetResult(), iter: 60, threads: 1);

    [Fact]
    public void Flips_WhileTheFileIsClosed_ServeNoWrongByte() => s_flips.Sample(flips => RunAsync(flips, isReopened: false, isClosed: true).GetAwaiter().GetResult(), iter: 60, threads: 1);

    [Fact]
    public void Flips_BetweenRuns_ServeNoWrongByte() => s_flips.Sample(flips => RunAsync(flips, isReopened: true, isClosed: false).GetAwaiter().GetResult(), iter: 60, threads: 1);

    private static async Task RunAsync((int What, double Where, byte Mask)[] flips, bool isReopened, bool isClosed)
    {
        await using LargeFixture fixture = new LargeFixture(options: new LargeFileOptions { MaxOpenFiles = 1 }).Open();
        fixture.Write(0, s_content, s_checksums, 0, Units);
        await fixture.Store.Find(SegmentFixture.KeyOf(0))!.VerifyAsync(static (_, _) => ValueTask.CompletedTask, CancellationToken.None);
        if (isReopened)
        {
            await fixture.Store.DisposeAsync();
        }
        else if (isClosed)
        {
            fixture.Write(1, s_content, s_checksums, 0, 1);
        }

        HashSet<int> damaged = [];
        bool isHeaderDamaged = false;
        foreach ((int what, double where, byte mask) in flips)
        {
            string path = what == 0 ? fixture.DataPath(0) : fixture.MapPath(0);
            long offset = what switch
            {
                0 => (long)(where * Size),
                1 => 4096 + (long)(where * Units * 8),
                _ => (long)(where * 76),
            };
            int length = mask == 0 ? 8 : 1;
            using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            byte[] bytes = new byte[length];
            file.Position = offset;
            length = file.Read(bytes);
            byte[] old = [.. bytes];
            for (int i = 0; i < length; i++)
            {
                bytes[i] = (byte)(mask == 0 ? 0 : bytes[i] ^ mask);
            }

            file.Position = offset;
            file.Write(bytes, 0, length);
            if (!bytes.AsSpan().SequenceEqual(old))
            {
                isHeaderDamaged |= what == 2 || offset < 4096 && what != 0;
                damaged.Add(what == 0 ? (int)(offset / 65_536) : what == 1 ? (int)((offset - 4096) / 8) : -1);
                damaged.Add(what == 0 ? (int)((offset + length - 1) / 65_536) : what == 1 ? (int)((offset - 4096 + length - 1) / 8) : -1);
            }
        }

        if (isReopened)
        {
            await fixture.ReopenAsync();
        }

        for (int round = 0; round < 2; round++)
        {
            for (int unit = 0; unit < Units; unit++)
            {
                ReadOutcome outcome = fixture.ReadChecked(0, s_content, unit * 65_536L, 65_536);
                Assert.True(outcome == ReadOutcome.Hit || damaged.Contains(unit) || (isHeaderDamaged && isReopened), $"Unit {unit} is a {outcome}.");
                Assert.True(round == 0 || outcome != ReadOutcome.Corrupt, "A damaged unit was met twice.");
            }
        }

        // What was lost while running was counted, each unit once.
        LargeFile? left = fixture.Store.Find(SegmentFixture.KeyOf(0));
        if (!isReopened)
        {
            long lost = 0;
            for (int unit = 0; unit < Units; unit++)
            {
                lost += fixture.ReadChecked(0, s_content, unit * 65_536L, 1) == ReadOutcome.Hit ? 0 : 1;
            }

            Assert.Equal(lost, fixture.Store.ChecksumFailures);
            Assert.True(isClosed || lost > 0 || !damaged.Any(static u => u >= 0) || flips.All(static f => f.What != 0));
        }

        fixture.AssertCounts();
        if (left is not null)
        {
            // Nobody gets a descriptor to it unless all of it is right.
            await left.VerifyAsync(static (_, _) => ValueTask.CompletedTask, CancellationToken.None);
            using PassthroughLease? lease = left.TryLend();
            if (lease is not null)
            {
                byte[] bytes = new byte[Size];
                Assert.Equal(Size, RandomAccess.Read(lease.Handle, bytes, 0));
                SegmentFixture.AssertSame(s_content, bytes, 0);
            }
        }

        // It is made whole again like any file.
        fixture.Write(0, s_content, s_checksums, 0, Units);
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(0, s_content, 0, Size));
        fixture.AssertCounts();
    }
}
