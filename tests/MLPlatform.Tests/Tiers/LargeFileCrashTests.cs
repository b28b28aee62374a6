using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.LargeFiles;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>A fault, or the end of the process, at every change that a store of large files makes on its disk.</summary>
public sealed class LargeFileCrashTests
{
    private const int Count = 3;

    private static readonly byte[][] s_contents = [.. Enumerable.Range(0, Count).Select(static id => SegmentFixture.ContentOf(id, (5 << 20) + (id * 1000) + 1))];
    private static readonly uint[][] s_checksums = [.. s_contents.Select(static c => SegmentFixture.ChecksumsOf(c))];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kill_AtAnyChange_KeepsWhatWasWritten(bool isTorn)
    {
        for (int at = 1; ; at++)
        {
            FaultyDeviceFiles files = new(new DeviceFiles()) { FailAt = at, IsCrash = true, IsTorn = isTorn };
            await using LargeFixture fixture = new(files);
            HashSet<(int, int)> written = Run(fixture);
            bool wasUntouched = files.Changes < at;
            await CheckReopenedAsync(fixture, written, $"kill at change {at}");

            // The start after a kill may be killed as well.
            for (int again = 1; again <= 4; again++)
            {
                await fixture.Store.DisposeAsync();
                fixture.Files = new FaultyDeviceFiles(new DeviceFiles()) { FailAt = again, IsCrash = true, IsTorn = isTorn };
                Attempt(() => fixture.Open());
                await CheckReopenedAsync(fixture, written, $"kill at change {at}, then at change {again} of the start");
            }

            if (wasUntouched)
            {
                Assert.True(at > 25, $"Only {at} changes.");
                Assert.NotEmpty(written);
                return;
            }
        }
    }

    [Theory]
    [InlineData(CacheError.DeviceFailed, false)]
    [InlineData(CacheError.DeviceFull, true)]
    public async Task Fault_OfAnyChange_FailsThatChangeAlone(CacheError error, bool isTorn)
    {
        for (int at = 1; ; at++)
        {
            FaultyDeviceFiles files = new(new DeviceFiles()) { FailAt = at, Error = error, IsTorn = isTorn };
            await using LargeFixture fixture = new(files);
            HashSet<(int, int)> written = Run(fixture);
            bool wasUntouched = files.Changes < at;
            files.FailAt = 0;
            if (fixture.Store is null)
            {
                fixture.Open();
            }

            AssertAll(fixture, written, $"fault of change {at}");

            // The disk is well again: everything can be written, and what a fault left behind goes.
            for (int id = 0; id < Count; id++)
            {
                Write(fixture, written, id, 0, 80);
            }

            AssertAll(fixture, written, $"fault of change {at}");
            Assert.Equal(Count * 80, written.Count(static w => w.Item2 < 80));
            Assert.Equal(0, fixture.Store!.ChecksumFailures);
            await fixture.Store.DisposeAsync();
            Assert.Equal(0, fixture.Descriptors());
            await CheckReopenedAsync(fixture, written, $"fault of change {at}");
            if (wasUntouched)
            {
                Assert.True(at > 25, $"Only {at} changes.");
                return;
            }
        }
    }

    [Fact]
    public async Task FailedWrite_OfAnyKind_LeavesNoSpaceBehind()
    {
        // Data, entries of the map, and both for a new file.
        for (int at = 1; at <= 8; at++)
        {
            FaultyDeviceFiles files = new(new DeviceFiles());
            await using LargeFixture fixture = new LargeFixture(files).Open();
            fixture.Write(0, s_contents[0], s_checksums[0], 0, 2);
            (files.FailAt, files.IsTorn, files.Error) = (files.Changes + at, true, CacheError.DeviceFull);
            Attempt(() => fixture.Write(0, s_contents[0], s_checksums[0], 10, 50));
            Attempt(() => fixture.Write(1, s_contents[1], s_checksums[1], 0, 50));
            files.FailAt = 0;
            fixture.AssertCounts();
            Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(0, s_contents[0], 0, 131_072));
        }
    }

    [Fact]
    public async Task Fault_OfReads_ComesAsAFault_AndDropsNothing()
    {
        FaultyDeviceFiles files = new(new DeviceFiles());
        await using LargeFixture fixture = new LargeFixture(files).Open();
        fixture.Write(0, s_contents[0], s_checksums[0], 0, 2);
        files.ReadsFail = true;
        Assert.Equal(CacheError.DeviceFailed, Assert.Throws<CacheException>(() => fixture.ReadChecked(0, s_contents[0], 0, 100)).Error);
        files.ReadsFail = false;
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(0, s_contents[0], 0, 100));
        Assert.Equal(0, fixture.Store.ChecksumFailures);
    }

    /// <summary>Writes, overwrites, pins, drops, deletes and writes again.</summary>
    /// <returns>Units whose write has returned and that nobody dropped.</returns>
    private static HashSet<(int, int)> Run(LargeFixture fixture)
    {
        HashSet<(int, int)> written = [];
        if (!Attempt(() => fixture.Open()))
        {
            return written;
        }

        for (int id = 0; id < Count; id++)
        {
            Write(fixture, written, id, 0, 10);
            Write(fixture, written, id, 60, 21);
            Write(fixture, written, id, 5, 20);
        }

        Attempt(() => fixture.Store.Find(SegmentFixture.KeyOf(0))?.SetPinned(true));
        Drop(fixture, written, 1, 0);
        Drop(fixture, written, 2, 1);
        Write(fixture, written, 2, 70, 5);
        Drop(fixture, written, 2, 0);
        Drop(fixture, written, 2, 1);
        written.RemoveWhere(static w => w.Item1 == 1);
        fixture.Store.Find(SegmentFixture.KeyOf(1))?.Delete();
        Write(fixture, written, 1, 3, 4);
        return written;
    }

    private static void Write(LargeFixture fixture, HashSet<(int, int)> written, int id, int first, int count)
    {
        if (Attempt(() => fixture.Write(id, s_contents[id], s_checksums[id], first, count)))
        {
            written.UnionWith(Enumerable.Range(first, count).Select(unit => (id, unit)));
        }
    }

    private static void Drop(LargeFixture fixture, HashSet<(int, int)> written, int id, int block)
    {
        // Whether it works or not, nobody may count on the block any more.
        written.RemoveWhere(w => w.Item1 == id && LargeFile.BlockOf(w.Item2) == block);
        Attempt(() => fixture.Store.Find(SegmentFixture.KeyOf(id))?.TryDropBlock(block, out _));
    }

    private static bool Attempt(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (CacheException)
        {
            return false;
        }
    }

    private static async Task CheckReopenedAsync(LargeFixture fixture, HashSet<(int, int)> written, string when)
    {
        await fixture.ReopenAsync();
        AssertAll(fixture, written, when);
        Assert.Equal(0, fixture.Store.ChecksumFailures);
        fixture.AssertCounts();
    }

    private static void AssertAll(LargeFixture fixture, HashSet<(int, int)> written, string when)
    {
        for (int id = 0; id < Count; id++)
        {
            for (int unit = 0; unit < s_checksums[id].Length; unit++)
            {
                ReadOutcome outcome = fixture.ReadChecked(id, s_contents[id], unit * 65_536L, 65_536);
                Assert.True(outcome == ReadOutcome.Hit || (outcome == ReadOutcome.Miss && !written.Contains((id, unit))), $"Unit {unit} of file {id} is a {outcome}: {when}.");
            }
        }
    }
}
