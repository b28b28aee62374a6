using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Segments;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>A fault, or the end of the process, at every change that a store makes on its disk.</summary>
public sealed class SegmentCrashTests
{
    private const int Files = 30;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kill_AtAnyChange_KeepsWhatWasWritten(bool isTorn)
    {
        for (int at = 1; ; at++)
        {
            FaultyDeviceFiles files = new(new DeviceFiles()) { FailAt = at, IsCrash = true, IsTorn = isTorn };
            await using SegmentFixture fixture = new(files, new SegmentOptions { SegmentBytes = SegmentFixture.SmallSegmentBytes, SyncSealed = isTorn });
            Dictionary<int, int> expected = await RunAsync(fixture);
            if (fixture.Store is not null)
            {
                await fixture.Store.DisposeAsync();
            }

            bool wasUntouched = files.Changes < at;
            await CheckReopenedAsync(fixture, expected, $"kill at change {at}");

            // The start after a kill may be killed as well.
            for (int again = 1; again <= 6; again++)
            {
                FaultyDeviceFiles second = new(new DeviceFiles()) { FailAt = again, IsCrash = true, IsTorn = isTorn };
                await fixture.Store!.DisposeAsync();
                await OpenWithAsync(fixture, second);
                await CheckReopenedAsync(fixture, expected, $"kill at change {at}, then at change {again} of the start");
            }

            if (wasUntouched)
            {
                Assert.True(at > 40, $"Only {at} changes.");
                Assert.Equal(Files * 2 / 3, expected.Count);
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
            await using SegmentFixture fixture = new(files, new SegmentOptions { SegmentBytes = SegmentFixture.SmallSegmentBytes, SyncSealed = isTorn });
            Dictionary<int, int> expected = await RunAsync(fixture);
            bool wasUntouched = files.Changes < at;
            files.FailAt = 0;
            if (fixture.Store is null)
            {
                // The fault met the opening.
                fixture.Open();
            }

            AssertAll(fixture, expected, $"fault of change {at}");
            Assert.Equal(0, fixture.Store!.ChecksumFailures);

            // The disk is well again.
            await AppendAsync(fixture, expected, 1000, 3);
            Assert.True(expected.ContainsKey(1002));
            AssertAll(fixture, expected, $"fault of change {at}");
            AssertCounts(fixture);
            await fixture.Store.DisposeAsync();
            Assert.Equal(0, fixture.Descriptors());
            await CheckReopenedAsync(fixture, expected, $"fault of change {at}");
            if (wasUntouched)
            {
                Assert.True(at > 40, $"Only {at} changes.");
                return;
            }
        }
    }

    [Fact]
    public async Task Fault_OfReads_ComesAsAFault_AndDropsNothing()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        ulong place = await fixture.AppendAsync(1, 1000);
        fixture.Files.ReadsFail = true;
        CacheException fault = Assert.Throws<CacheException>(() => fixture.Read(place, 1000, 0, 1000, out _));
        Assert.Equal(CacheError.DeviceFailed, fault.Error);
        fixture.Files.ReadsFail = false;
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(1, 1000));
        Assert.Equal(0, fixture.Store.ChecksumFailures);
    }

    /// <summary>Appends singly and together, removes, checkpoints, cleans, appends again.</summary>
    /// <returns>Files that were written and not removed, with their lengths.</returns>
    private static async Task<Dictionary<int, int>> RunAsync(SegmentFixture fixture)
    {
        Dictionary<int, int> written = [];
        try
        {
            fixture.Open();
        }
        catch (CacheException)
        {
            return written;
        }

        await AppendAsync(fixture, written, 0, Files / 3);
        await AttemptAsync(fixture.CheckpointAsync);
        await AppendAsync(fixture, written, Files / 3, Files / 3);
        for (int id = 1; id < Files * 2 / 3; id += 2)
        {
            written.Remove(id);
            fixture.Store.Remove(SegmentFixture.KeyOf(id));
        }

        for (int i = 0; i < 3; i++)
        {
            await AttemptAsync(async () => await fixture.Store.CleanAsync(0.9, CancellationToken.None));
        }

        await AttemptAsync(fixture.CheckpointAsync);
        await AttemptAsync(async () => await fixture.Store.CleanAsync(0.9, CancellationToken.None));
        await AppendAsync(fixture, written, Files * 2 / 3, Files / 3);
        return written;
    }

    private static int LengthOf(int id) => (id * 37_123 % 250_000) + (id % 4);

    private static async Task AppendAsync(SegmentFixture fixture, Dictionary<int, int> written, int first, int count)
    {
        for (int id = first; id < first + count;)
        {
            // Some alone, some in groups.
            int together = id % 3 == 0 ? Math.Min(4, first + count - id) : 1;
            Task[] appends = [.. Enumerable.Range(id, together).Select(async i =>
            {
                try
                {
                    await fixture.AppendAsync(i, LengthOf(i));
                    lock (written)
                    {
                        written.Add(i, LengthOf(i));
                    }
                }
                catch (CacheException)
                {
                    Assert.False(fixture.Store.TryFind(SegmentFixture.KeyOf(i), out _));
                }
            })];
            await Task.WhenAll(appends);
            id += together;
        }
    }

    private static async Task AttemptAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (CacheException)
        {
        }
    }

    private static async Task OpenWithAsync(SegmentFixture fixture, FaultyDeviceFiles files)
    {
        try
        {
            SegmentStore store = SegmentStore.Open(
                files, fixture.Directory, 3, SegmentFixture.CacheId, MemoryBlockIndex.Load(files, fixture.CheckpointPath), MemoryBlockIndex.Load(files, fixture.CheckpointPath).Coverage,
                fixture.Options, fixture.Time, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
            await store.DisposeAsync();
        }
        catch (CacheException)
        {
        }
    }

    private static async Task CheckReopenedAsync(SegmentFixture fixture, Dictionary<int, int> expected, string when)
    {
        await fixture.ReopenAsync();
        AssertAll(fixture, expected, when);
        AssertCounts(fixture);
        Assert.Equal(0, fixture.Store.ChecksumFailures);
    }

    private static void AssertAll(SegmentFixture fixture, Dictionary<int, int> expected, string when)
    {
        foreach ((int id, int length) in expected)
        {
            Assert.True(fixture.ReadChecked(id, length) == ReadOutcome.Hit, $"File {id} of {length} bytes is gone: {when}.");
        }

        // What else the index has, such as removed files that came back, must be right too.
        for (int id = 0; id < Files; id++)
        {
            Assert.NotEqual(ReadOutcome.Corrupt, fixture.ReadChecked(id, LengthOf(id)));
        }
    }

    private static void AssertCounts(SegmentFixture fixture)
    {
        long payload = 0;
        long live = 0;
        fixture.Store.ForEach((_, location) =>
        {
            payload += location.Length;
            live += SegmentFormat.RecordBytesOf((int)location.Length) + SegmentFormat.TableRowBytes;
            return true;
        });
        Assert.Equal((fixture.Index.Count, payload, live), (fixture.Store.RecordCount, fixture.Store.PayloadBytes, fixture.Store.LiveDiskBytes));
    }
}
