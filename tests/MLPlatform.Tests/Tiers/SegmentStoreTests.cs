using System.Buffers.Binary;
using CsCheck;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.Segments;
using Xunit;

namespace MLPlatform.Tests.Tiers;

public sealed class SegmentStoreTests
{
    private const int Unit = CacheUnits.UnitBytes;

    public static TheoryData<int> Lengths => [0, 1, 59, 60, 63, 64, 65, 500, 4096, Unit - 1, Unit, Unit + 1, (2 * Unit) - 1, 2 * Unit, (2 * Unit) + 1, 100 << 10, (1 << 20) - 1, 1 << 20];

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task Read_OfAnyLength_GivesTheBytes(int length)
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        await fixture.AppendAsync(1, 77);
        ulong place = await fixture.AppendAsync(2, length);
        await fixture.AppendAsync(3, 78);
        byte[] content = SegmentFixture.ContentOf(2, length);
        int[] edges = [0, 1, Unit - 1, Unit, Unit + 1, length / 2, length - 1, length, length + 1, length + Unit];
        foreach (int offset in edges.Where(e => e >= 0).Distinct())
        {
            foreach (int count in edges.Where(e => e >= 0).Distinct())
            {
                Assert.Equal(ReadOutcome.Hit, fixture.Read(place, length, offset, count, out byte[] bytes));
                SegmentFixture.AssertSame(content.AsSpan(Math.Min(offset, length), Math.Max(0, Math.Min(count, length - offset))), bytes, 2);
            }
        }

        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(1, 77));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(3, 78));
        await fixture.ReopenAsync();
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(2, length));
    }

    [Fact]
    public async Task Read_OfAnyRange_GivesTheBytes()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        int[] lengths = [300, 70_000, 200_000, 500_000];
        ulong[] places = new ulong[lengths.Length];
        byte[][] contents = new byte[lengths.Length][];
        for (int i = 0; i < lengths.Length; i++)
        {
            places[i] = await fixture.AppendAsync(i, lengths[i]);
            contents[i] = SegmentFixture.ContentOf(i, lengths[i]);
        }

        Gen.Select(Gen.Int[0, lengths.Length - 1], Gen.Int[0, 600_000], Gen.Int[0, 600_000]).Sample(
            (file, offset, count) =>
            {
                Assert.Equal(ReadOutcome.Hit, fixture.Read(places[file], lengths[file], offset, count, out byte[] bytes));
                int start = Math.Min(offset, lengths[file]);
                SegmentFixture.AssertSame(contents[file].AsSpan(start, Math.Min(count, lengths[file] - start)), bytes, file);
            },
            iter: 2000);
    }

    [Fact]
    public async Task Read_OfTheFirstUnit_IsOneRead()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        ulong place = await fixture.AppendAsync(1, 300_000);
        long before = fixture.Files.Reads;
        fixture.Read(place, 300_000, 10, 299_000, out _);
        Assert.Equal(before + 1, fixture.Files.Reads);
        fixture.Read(place, 300_000, 70_000, 10, out _);
        Assert.Equal(before + 3, fixture.Files.Reads);
    }

    [Fact]
    public async Task Read_Hit_AllocatesNothing()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        ulong place = await fixture.AppendAsync(1, 100_000);
        long allocated = AllocatedBy(fixture.Store, place, 100_000);
        Assert.Equal(0, allocated);
    }

    [Fact]
    public async Task Read_WithoutWaiting_WhenNothingIsInMemory_WouldBlock()
    {
        await using SegmentFixture fixture = new SegmentFixture(new FaultyDeviceFiles(new HookedDeviceFiles { IsCold = true })).Open();
        ulong place = await fixture.AppendAsync(1, 100);
        Assert.Equal(ReadOutcome.WouldBlock, fixture.Read(place, 100, 0, 100, out _, mayWait: false));
        Assert.Equal(ReadOutcome.Hit, fixture.Read(place, 100, 0, 100, out _, mayWait: true));
        Assert.Equal(0, fixture.Store.ChecksumFailures);
    }

    [Fact]
    public async Task Read_WithoutWaiting_OfACorruptRecord_LeavesItToThoseWhoMayWait()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        ulong place = await fixture.AppendAsync(1, 100);
        Flip(fixture.SegmentPaths()[0], RecordPlace.Unpack(place).Offset + 70);
        Assert.Equal(ReadOutcome.WouldBlock, fixture.Read(place, 100, 0, 100, out _, mayWait: false));
        Assert.Empty(fixture.Drops);
        Assert.Equal(ReadOutcome.Corrupt, fixture.Read(place, 100, 0, 100, out _));
        Assert.Equal([(SegmentFixture.KeyOf(1), RecordDropReason.Corrupt)], fixture.Drops);
        Assert.False(fixture.Store.TryFind(SegmentFixture.KeyOf(1), out _));
    }

    [Fact]
    public async Task Read_OfPlacesThatNeverWere_IsAMissOrCorrupt()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        ulong place = await fixture.AppendAsync(1, 100);
        RecordPlace at = RecordPlace.Unpack(place);
        Assert.Equal(ReadOutcome.Miss, fixture.Read((at with { Segment = 99 }).Pack(), 100, 0, 100, out _));
        Assert.Equal(ReadOutcome.Miss, fixture.Read((at with { Device = 4 }).Pack(), 100, 0, 100, out _));
        Assert.Equal(ReadOutcome.Miss, fixture.Read(0, 100, 0, 100, out _));
        Assert.Equal(ReadOutcome.Corrupt, fixture.Read((at with { Offset = 128 }).Pack(), 100, 0, 100, out _));
        Assert.Equal(ReadOutcome.Corrupt, fixture.Read((at with { Offset = 1 << 25 }).Pack(), 100, 0, 100, out _));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(1, 100));
        Assert.Equal(0, fixture.Store.CorruptRecords);
    }

    [Fact]
    public async Task Append_OfAKnownKey_ReplacesAndTells()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        ulong first = await fixture.AppendAsync(1, 1000);
        ulong second = await fixture.AppendAsync(1, 1000);
        Assert.NotEqual(first, second);
        Assert.Equal([(SegmentFixture.KeyOf(1), RecordDropReason.Replaced)], fixture.Drops);
        Assert.Equal((1, 1000), (fixture.Store.RecordCount, fixture.Store.PayloadBytes));
        await fixture.ReopenAsync();
        Assert.Equal((1, 1000), (fixture.Store.RecordCount, fixture.Store.PayloadBytes));
        Assert.True(fixture.Store.TryFind(SegmentFixture.KeyOf(1), out RecordLocation location));
        Assert.Equal(second, location.Place);
    }

    [Fact]
    public async Task Removed_BeforeTheCheckpoint_StaysAwayAfterAKill()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        await fixture.AppendAsync(1, 1000);
        await fixture.AppendAsync(2, 1000);
        Assert.True(fixture.Store.Remove(SegmentFixture.KeyOf(1)));
        Assert.False(fixture.Store.Remove(SegmentFixture.KeyOf(1)));
        await fixture.CheckpointAsync();
        await fixture.AppendAsync(3, 1000);
        await fixture.ReopenAsync();
        Assert.Equal(ReadOutcome.Miss, fixture.ReadChecked(1, 1000));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(2, 1000));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(3, 1000));
        Assert.Equal((2, 1), (fixture.Store.RecordCount, fixture.Store.Recovery.Added));
    }

    [Fact]
    public async Task Pin_SurvivesCleaningAndCheckpoint()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        await fixture.AppendAsync(1, 500_000, dataset: 9);
        await fixture.AppendAsync(2, 500_000);
        await fixture.AppendAsync(3, 500_000);
        Assert.True(fixture.Store.SetPinned(SegmentFixture.KeyOf(1), true));
        Assert.False(fixture.Store.SetPinned(SegmentFixture.KeyOf(4), true));
        fixture.Store.Remove(SegmentFixture.KeyOf(2));
        fixture.Store.TryFind(SegmentFixture.KeyOf(1), out RecordLocation before);
        fixture.Time.Advance(TimeSpan.FromHours(1));
        Assert.True(await fixture.Store.CleanAsync(1, CancellationToken.None));
        fixture.Store.TryFind(SegmentFixture.KeyOf(1), out RecordLocation after);
        Assert.NotEqual(before.Place, after.Place);
        Assert.Equal(before with { Place = after.Place }, after);
        Assert.Equal((9u, (uint)RecordFlags.Pinned), (after.Dataset, after.Flags));
        await fixture.CheckpointAsync();
        await fixture.ReopenAsync();
        fixture.Store.TryFind(SegmentFixture.KeyOf(1), out RecordLocation reopened);
        Assert.Equal(after, reopened);
        Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(1, 500_000));
    }

    [Fact]
    public async Task Clean_GivesSpaceBack_AndKeepsWhatLives()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        const int Length = 100_000;
        for (int id = 0; id < 60; id++)
        {
            await fixture.AppendAsync(id, Length);
        }

        Assert.False(await fixture.Store.CleanAsync(1, CancellationToken.None));
        for (int id = 0; id < 60; id++)
        {
            if (id % 3 != 0)
            {
                fixture.Store.Remove(SegmentFixture.KeyOf(id));
            }
        }

        long before = fixture.Store.DiskBytes;
        Assert.True(fixture.Store.FreeableBytes > 30 * Length);
        while (await fixture.Store.CleanAsync(0.9, CancellationToken.None))
        {
        }

        Assert.True(fixture.Store.DiskBytes < before / 2, $"{before} → {fixture.Store.DiskBytes}");
        Assert.Equal(fixture.SegmentPaths().Length, fixture.Store.SegmentCount);
        Assert.Equal((20, 20 * Length), (fixture.Store.RecordCount, fixture.Store.PayloadBytes));
        for (int id = 0; id < 60; id++)
        {
            Assert.Equal(id % 3 == 0 ? ReadOutcome.Hit : ReadOutcome.Miss, fixture.ReadChecked(id, Length));
        }

        await fixture.ReopenAsync();
        Assert.Equal(20, Enumerable.Range(0, 20).Count(i => fixture.ReadChecked(i * 3, Length) == ReadOutcome.Hit));
    }

    [Fact]
    public async Task Clean_OfEverything_NeverLetsANumberComeTwice()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        HashSet<ulong> places = [];
        for (int round = 0; round < 5; round++)
        {
            Assert.True(places.Add(await fixture.AppendAsync(round, 100)));
            fixture.Store.Remove(SegmentFixture.KeyOf(round));
            await fixture.ReopenAsync();
            fixture.Store.Remove(SegmentFixture.KeyOf(round));
            while (await fixture.Store.CleanAsync(1, CancellationToken.None))
            {
            }

            Assert.Equal(0, fixture.Store.SegmentCount);
            Assert.Single(fixture.SegmentPaths());
            await fixture.ReopenAsync();
        }
    }

    [Fact]
    public async Task Clean_AfterManyRestarts_MergesShortSegments()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        for (int id = 0; id < 40; id++)
        {
            await fixture.AppendAsync(id, 1000);
            await fixture.ReopenAsync();
        }

        Assert.Equal(40, fixture.Store.SegmentCount);
        while (await fixture.Store.CleanAsync(0.5, CancellationToken.None))
        {
        }

        Assert.InRange(fixture.Store.SegmentCount, 2, 17);
        Assert.All(Enumerable.Range(0, 40), id => Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(id, 1000)));
    }

    [Fact]
    public async Task Payload_OfFilesOf100KiB_IsNearlyAllOfTheDisk()
    {
        await using SegmentFixture fixture = new SegmentFixture(options: new SegmentOptions()).Open();
        for (int id = 0; id < 700; id++)
        {
            await fixture.AppendAsync(id, 100 << 10);
        }

        FileInfo sealedSegment = new(fixture.SegmentPaths()[0]);
        double payload = (100 << 10) * (double)((sealedSegment.Length - 128) / (SegmentFormat.RecordBytesOf(100 << 10) + 32));
        Assert.True(sealedSegment.Length > 63 << 20);
        Assert.InRange(payload / sealedSegment.Length, 0.998, 1);
        Assert.InRange(500.0 / (SegmentFormat.RecordBytesOf(500) + SegmentFormat.TableRowBytes), 0.82, 1);
    }

    [Fact]
    public async Task Recovery_Of100000SealedRecords_ReadsTablesOnly()
    {
        await using SegmentFixture fixture = new SegmentFixture(options: new SegmentOptions { SegmentBytes = 8 << 20 }).Open();
        const int Records = 100_000;
        for (int start = 0; start < Records; start += 1000)
        {
            await Task.WhenAll(Enumerable.Range(start, 1000).Select(id => fixture.AppendAsync(id, 200 + (id % 300))));
        }

        await fixture.ReopenAsync();
        await fixture.ReopenAsync();
        SegmentRecovery recovery = fixture.Store.Recovery;
        Assert.Equal((Records, 0), (recovery.Added, recovery.Scanned));
        Assert.InRange(recovery.Reads, recovery.Segments, 2 * recovery.Segments);
        Assert.Equal(Records, fixture.Store.RecordCount);
        for (int id = 0; id < Records; id += 997)
        {
            Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(id, 200 + (id % 300)));
        }

        await fixture.CheckpointAsync();
        await fixture.ReopenAsync();
        Assert.Equal((0, 0, 0), (fixture.Store.Recovery.Added, fixture.Store.Recovery.Dropped, fixture.Store.Recovery.Reads));
        Assert.Equal(Records, fixture.Store.RecordCount);
    }

    [Fact]
    public async Task Recovery_OfAnotherCachesSegments_TakesNone()
    {
        await using SegmentFixture other = new SegmentFixture().Open();
        await other.AppendAsync(1, 1000);
        await other.ReopenAsync();
        await using SegmentFixture fixture = new();
        Directory.CreateDirectory(fixture.Directory);

        // The same cache, but another number; another cache under the right number.
        File.Copy(other.SegmentPaths()[0], Path.Combine(fixture.Directory, SegmentFormat.FileName(7)));
        byte[] foreign = await File.ReadAllBytesAsync(other.SegmentPaths()[0]);
        SegmentFormat.WriteSegmentHeader(foreign, Guid.NewGuid(), 3, 1, 0);
        BinaryPrimitives.WriteUInt64LittleEndian(foreign.AsSpan(64 + 24), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(foreign.AsSpan(64 + 4), Crc32C.Of(foreign.AsSpan(64 + 8, 56)));
        await File.WriteAllBytesAsync(Path.Combine(fixture.Directory, SegmentFormat.FileName(1)), foreign[..^128]);
        fixture.Open();
        Assert.Equal((0, 2), (fixture.Store.RecordCount, fixture.Store.Recovery.Discarded));
        Assert.Equal(8, RecordPlace.Unpack(await fixture.AppendAsync(5, 10)).Segment);
        Assert.Single(fixture.SegmentPaths());
    }

    [Fact]
    public async Task Recovery_OfAFileThatHoldsSegmentBytes_FindsNoFalseRecord()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        await fixture.AppendAsync(1, 1000);
        await fixture.AppendAsync(2, 1000);

        // A copy of the segment so far, and behind it a record that claims just the place where it will lie.
        byte[] copy = (await File.ReadAllBytesAsync(fixture.SegmentPaths()[0]))[..4096];
        ulong outer = new RecordPlace(3, 1, 64 + (2 * SegmentFormat.RecordBytesOf(1000))).Pack();
        int at = 6 * 64;
        RecordPlace inner = RecordPlace.Unpack(outer) with { Offset = RecordPlace.Unpack(outer).Offset + 64 + at };
        RecordHeader claim = new(SegmentFixture.KeyOf(66), 10, 0, 0, 0);
        SegmentFormat.WriteRecordHeader(copy.AsSpan(at), SegmentFormat.Stamp(SegmentFixture.CacheId), inner.Pack(), claim, [Crc32C.Of(copy.AsSpan(at + 64, 10))]);
        Assert.Equal(outer, await fixture.AppendAsync(SegmentFixture.KeyOf(3), copy));
        await fixture.AppendAsync(4, 1000);

        // The whole record first, then one whose header is damaged: nothing behind it is looked for inside it.
        await fixture.ReopenAsync();
        Assert.Equal(4, fixture.Store.RecordCount);
        Assert.False(fixture.Store.TryFind(SegmentFixture.KeyOf(66), out _));
        await fixture.Store.DisposeAsync();
        string path = fixture.SegmentPaths()[0];
        await using (FileStream file = File.Open(path, FileMode.Open))
        {
            file.SetLength(RecordPlace.Unpack(outer).Offset + 5000);
        }

        Flip(path, RecordPlace.Unpack(outer).Offset + 9);
        await fixture.ReopenAsync();
        Assert.Equal(2, fixture.Store.RecordCount);
        Assert.False(fixture.Store.TryFind(SegmentFixture.KeyOf(66), out _));
    }

    [Fact]
    public async Task Descriptors_StayFew_AndNoneIsLeft()
    {
        await using SegmentFixture fixture = new SegmentFixture(options: new SegmentOptions { SegmentBytes = SegmentFixture.SmallSegmentBytes, MaxOpenSegments = 3 }).Open();
        for (int id = 0; id < 24; id++)
        {
            await fixture.AppendAsync(id, 500_000);
        }

        for (int id = 0; id < 24; id++)
        {
            Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(id, 500_000));
            Assert.InRange(fixture.Descriptors(), 1, 4);
        }

        for (int id = 0; id < 24; id += 2)
        {
            fixture.Store.Remove(SegmentFixture.KeyOf(id));
        }

        while (await fixture.Store.CleanAsync(1, CancellationToken.None))
        {
            Assert.InRange(fixture.Descriptors(), 1, 4);
        }

        await fixture.ReopenAsync();
        Assert.InRange(fixture.Descriptors(), 0, 4);
        await fixture.Store.DisposeAsync();
        Assert.Equal(0, fixture.Descriptors());
        Assert.Equal(0, fixture.Store.OpenDescriptors);
    }

    [Fact]
    public async Task Dispose_WhileAppendsWait_WritesThemAll()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        Task<ulong>[] appends = [.. Enumerable.Range(0, 200).Select(id => fixture.AppendAsync(id, 5000))];
        await fixture.Store.DisposeAsync();
        int written = 0;
        foreach (Task<ulong> append in appends)
        {
            try
            {
                await append;
                written++;
            }
            catch (ObjectDisposedException)
            {
                // It had no place in the queue yet.
            }
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => fixture.AppendAsync(999, 10));
        await fixture.ReopenAsync();
        Assert.Equal(written, fixture.Store.RecordCount);
        Assert.True(written > 0);
    }

    [Fact]
    public async Task Scrub_FindsWhatIsWrong_AndDropsIt()
    {
        await using SegmentFixture fixture = new SegmentFixture().Open();
        ulong[] places = new ulong[30];
        for (int id = 0; id < 30; id++)
        {
            places[id] = await fixture.AppendAsync(id, 90_000);
        }

        RecordPlace wrongPayload = RecordPlace.Unpack(places[4]);
        RecordPlace wrongHeader = RecordPlace.Unpack(places[29]);
        Flip(Path.Combine(fixture.Directory, SegmentFormat.FileName(wrongPayload.Segment)), wrongPayload.Offset + 80_000);
        Flip(Path.Combine(fixture.Directory, SegmentFormat.FileName(wrongHeader.Segment)), wrongHeader.Offset + 10);
        long asked = 0;
        ScrubResult result = await fixture.Store.ScrubAsync(
            (bytes, _) =>
            {
                asked += bytes;
                return ValueTask.CompletedTask;
            },
            CancellationToken.None);
        Assert.Equal(new ScrubResult(28, 28 * 90_000, 2), result);
        Assert.Equal(30L * SegmentFormat.RecordBytesOf(90_000), asked);
        Assert.Equal(2, fixture.Store.CorruptRecords);
        Assert.Equal([SegmentFixture.KeyOf(4), SegmentFixture.KeyOf(29)], fixture.Drops.Select(d => d.Key));
        Assert.Equal(28, fixture.Store.RecordCount);
    }

    internal static void Flip(string path, long offset, byte mask = 0x10)
    {
        using FileStream file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ mask));
    }

    private static unsafe long AllocatedBy(SegmentStore store, ulong place, int length)
    {
        int scratchBytes = SegmentStore.ScratchBytes(length, 0, length);
        byte* scratch = stackalloc byte[scratchBytes];
        long before = 0;
        int hits = 0;
        for (int i = 0; i < 300; i++)
        {
            if (i == 100)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            // Asserting in here would allocate.
            hits += store.TryRead(place, length, 0, length, (nint)scratch, scratchBytes, mayWait: true, out _, out _) == ReadOutcome.Hit ? 1 : 0;
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(300, hits);
        return allocated;
    }
}
