using System.Collections.Concurrent;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.Segments;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>Appending, reading, removing, pinning, cleaning, scrubbing and checkpoints at once, against a dictionary.</summary>
public sealed class SegmentConcurrencyTests
{
    private const int Writers = 3;
    private const int FilesPerWriter = 150;
    private const int Stable = 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Everything_AtOnce_AgreesWithTheModel(int seed)
    {
        await using SegmentFixture fixture = new SegmentFixture(options: new SegmentOptions { SegmentBytes = SegmentFixture.SmallSegmentBytes, QueueLength = 8, MaxOpenSegments = 4 }).Open();

        // Files that nobody removes: each read of them, whatever cleaning does, is a hit.
        for (int id = 0; id < Stable; id++)
        {
            await fixture.AppendAsync(id, LengthOf(id));
        }

        ConcurrentDictionary<int, RecordFlags> present = [];
        using CancellationTokenSource writing = new();
        Task[] writers = [.. Enumerable.Range(0, Writers).Select(w => Task.Run(() => WriteAsync(fixture, present, w, new Random((seed * 100) + w))))];
        Task<long>[] readers = [.. Enumerable.Range(0, 2).Select(r => Task.Run(() => Read(fixture, new Random((seed * 100) + 50 + r), writing.Token)))];
        Task cleaner = Task.Run(() => CleanAsync(fixture, writing.Token));
        await Task.WhenAll(writers);
        await writing.CancelAsync();
        long reads = (await Task.WhenAll(readers)).Sum();
        await cleaner;

        Assert.True(reads > 100, $"{reads} reads.");
        AssertModel(fixture, present);
        while (await fixture.Store.CleanAsync(1, CancellationToken.None))
        {
        }

        AssertModel(fixture, present);
        Assert.InRange(fixture.Descriptors(), 1, 5);
        Assert.Equal(0, fixture.Store.ChecksumFailures);
        await fixture.CheckpointAsync();
        await fixture.ReopenAsync();
        AssertModel(fixture, present);
    }

    private static int LengthOf(int id) => id * 7919 % 90_000;

    private static async Task WriteAsync(SegmentFixture fixture, ConcurrentDictionary<int, RecordFlags> present, int writer, Random random)
    {
        int first = Stable + (writer * FilesPerWriter);
        for (int step = 0; step < 3 * FilesPerWriter; step++)
        {
            int id = first + random.Next(FilesPerWriter);
            switch (random.Next(4))
            {
                case 0 when present.TryRemove(id, out _):
                    Assert.True(fixture.Store.Remove(SegmentFixture.KeyOf(id)));
                    break;
                case 1:
                    Assert.Equal(present.ContainsKey(id), fixture.Store.SetPinned(SegmentFixture.KeyOf(id), true));
                    if (present.ContainsKey(id))
                    {
                        present[id] = RecordFlags.Pinned;
                    }

                    break;
                default:
                    await fixture.AppendAsync(id, LengthOf(id));
                    present[id] = RecordFlags.None;
                    break;
            }
        }
    }

    private static long Read(SegmentFixture fixture, Random random, CancellationToken stop)
    {
        long reads = 0;
        while (!stop.IsCancellationRequested)
        {
            int stable = random.Next(Stable);
            Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(stable, LengthOf(stable)));
            int other = Stable + random.Next(Writers * FilesPerWriter);
            if (fixture.Store.TryFind(SegmentFixture.KeyOf(other), out RecordLocation location)
                && fixture.Read(location.Place, (int)location.Length, 0, (int)location.Length, out byte[] bytes) is ReadOutcome.Hit or ReadOutcome.Corrupt)
            {
                SegmentFixture.AssertSame(SegmentFixture.ContentOf(other, LengthOf(other)), bytes, other);
            }

            reads += 2;
        }

        return reads;
    }

    private static async Task CleanAsync(SegmentFixture fixture, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            bool isCleaned = await fixture.Store.CleanAsync(0.95, CancellationToken.None);
            await fixture.CheckpointAsync();
            if (!isCleaned)
            {
                await fixture.Store.ScrubAsync((_, _) => ValueTask.CompletedTask, CancellationToken.None);
            }
        }
    }

    private static void AssertModel(SegmentFixture fixture, ConcurrentDictionary<int, RecordFlags> present)
    {
        for (int id = 0; id < Stable + (Writers * FilesPerWriter); id++)
        {
            Assert.Equal(id < Stable || present.ContainsKey(id) ? ReadOutcome.Hit : ReadOutcome.Miss, fixture.ReadChecked(id, LengthOf(id)));
        }

        foreach ((int id, RecordFlags flags) in present)
        {
            Assert.True(fixture.Store.TryFind(SegmentFixture.KeyOf(id), out RecordLocation location));
            Assert.Equal((id, flags), (id, (RecordFlags)location.Flags));
        }

        int[] ids = [.. Enumerable.Range(0, Stable), .. present.Keys];
        Assert.Equal(
            (ids.Length, ids.Sum(id => (long)LengthOf(id)), ids.Sum(id => (long)SegmentFormat.RecordBytesOf(LengthOf(id)) + SegmentFormat.TableRowBytes)),
            (fixture.Store.RecordCount, fixture.Store.PayloadBytes, fixture.Store.LiveDiskBytes));
        Assert.Equal(fixture.SegmentPaths().Length, fixture.Store.SegmentCount);
    }
}
