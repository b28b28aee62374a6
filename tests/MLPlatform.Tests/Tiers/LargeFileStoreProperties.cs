using CsCheck;
using MLPlatform.Tiers;
using MLPlatform.Tiers.LargeFiles;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>The store against a model: an array of bits for each file.</summary>
public sealed class LargeFileStoreProperties
{
    private enum Op
    {
        Write,
        Read,
        Drop,
        Delete,
        Pin,
        Verify,
        Reopen,
    }

    // Odd last units, one byte above the limit of small files, and one file of ten blocks.
    private static readonly int[] s_sizes = [(1 << 20) + 1, (5 << 20) - 3, (9 << 20) + 70_000, 40 << 20];
    private static readonly byte[][] s_contents = [.. s_sizes.Select(static (size, id) => SegmentFixture.ContentOf(id, size))];
    private static readonly uint[][] s_checksums = [.. s_contents.Select(static c => SegmentFixture.ChecksumsOf(c))];

    private static readonly Gen<(Op Op, int File, double Where, double Length)[]> s_runs = Gen.Select(
        Gen.Frequency((8, Gen.Const(Op.Write)), (8, Gen.Const(Op.Read)), (4, Gen.Const(Op.Drop)), (1, Gen.Const(Op.Delete)), (1, Gen.Const(Op.Pin)), (1, Gen.Const(Op.Verify)), (1, Gen.Const(Op.Reopen))),
        Gen.Int[0, 3],
        Gen.Double[0, 0.999_999],
        Gen.Double[0, 0.999_999]).Array[1, 60];

    [Fact]
    public void Operations_InAnyOrder_MatchTheModel() => s_runs.Sample(run => RunAsync(run).GetAwaiter().GetResult(), iter: 60, threads: 1);

    private static async Task RunAsync((Op Op, int File, double Where, double Length)[] run)
    {
        // One open file: each change of files closes and opens.
        await using LargeFixture fixture = new LargeFixture(options: new LargeFileOptions { MaxOpenFiles = 1 }).Open();
        bool[]?[] model = new bool[s_sizes.Length][];
        bool[] pins = new bool[s_sizes.Length];
        foreach ((Op op, int id, double where, double length) in run)
        {
            int units = s_checksums[id].Length;
            int first = (int)(where * units);
            int count = 1 + (int)(length * Math.Min(40, units - first));
            LargeFile? file = fixture.Store.Find(SegmentFixture.KeyOf(id));
            Assert.Equal(model[id] is not null, file is not null);
            switch (op)
            {
                case Op.Write:
                    bool[] bits = model[id] ??= new bool[units];
                    long added = 0;
                    for (int unit = first; unit < first + count; unit++)
                    {
                        added += bits[unit] ? 0 : Math.Min(65_536, s_sizes[id] - (unit * 65_536));
                        bits[unit] = true;
                    }

                    Assert.Equal(added, fixture.Write(id, s_contents[id], s_checksums[id], first, count));
                    break;
                case Op.Read:
                    long offset = (long)(where * s_sizes[id]);
                    int bytes = 1 + (int)(length * 400_000);
                    int last = (int)((Math.Min(s_sizes[id], offset + bytes) - 1) / 65_536);
                    bool isHere = model[id] is { } present && !present.AsSpan((int)(offset / 65_536), last - (int)(offset / 65_536) + 1).Contains(false);
                    Assert.Equal(isHere ? ReadOutcome.Hit : ReadOutcome.Miss, fixture.ReadChecked(id, s_contents[id], offset, bytes));
                    break;
                case Op.Drop when file is not null:
                    int block = LargeFile.BlockOf(first);
                    Assert.Equal(!pins[id], file.TryDropBlock(block, out long gone));
                    if (pins[id])
                    {
                        Assert.Equal(0, gone);
                        break;
                    }

                    for (int unit = block * 64; unit < Math.Min(units, (block + 1) * 64); unit++)
                    {
                        gone -= model[id]![unit] ? Math.Min(65_536, s_sizes[id] - (unit * 65_536)) : 0;
                        model[id]![unit] = false;
                    }

                    Assert.Equal(0, gone);
                    model[id] = model[id]!.Contains(true) ? model[id] : null;
                    break;
                case Op.Delete when file is not null:
                    Assert.Equal(model[id]!.Select((isPresent, unit) => isPresent ? Math.Min(65_536L, s_sizes[id] - (unit * 65_536)) : 0).Sum(), file.Delete());
                    (model[id], pins[id]) = (null, false);
                    break;
                case Op.Pin when file is not null:
                    pins[id] = !pins[id];
                    file.SetPinned(pins[id]);
                    break;
                case Op.Verify when file is not null:
                    (long right, int wrong) = await file.VerifyAsync(static (_, _) => ValueTask.CompletedTask, CancellationToken.None);
                    Assert.Equal((file.PresentBytes, 0), (right, wrong));
                    Assert.Equal(!model[id]!.Contains(false), file.IsVerified);
                    using (PassthroughLease? lease = file.TryLend())
                    {
                        Assert.Equal(file.IsVerified, lease is not null);
                    }

                    break;
                case Op.Reopen:
                    await fixture.ReopenAsync();
                    break;
            }
        }

        fixture.AssertCounts();
        await fixture.ReopenAsync();
        for (int id = 0; id < s_sizes.Length; id++)
        {
            Assert.Equal(pins[id], fixture.Store.Find(SegmentFixture.KeyOf(id))?.Info.IsPinned ?? false);
            for (int unit = 0; unit < s_checksums[id].Length; unit++)
            {
                Assert.Equal(model[id]?[unit] == true ? ReadOutcome.Hit : ReadOutcome.Miss, fixture.ReadChecked(id, s_contents[id], unit * 65_536L, 65_536));
            }
        }

        fixture.AssertCounts();
        Assert.Equal(0, fixture.Store.ChecksumFailures);
    }
}
