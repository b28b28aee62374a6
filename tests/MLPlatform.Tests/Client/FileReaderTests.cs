using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Client;

/// <summary>What is fetched for which reads, and when readers get it.</summary>
public sealed class FileReaderTests
{
    private const int KiB = 1 << 10;
    private const int MiB = 1 << 20;

    [Fact]
    public async Task ReadAsync_SmallFile_IsOneFetchOfTheWholeFile()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, (700 * KiB) + 123);
        await fixture.CheckAsync(file, 128 * KiB, 128 * KiB);
        await fixture.CheckAsync(file, 0, 128 * KiB);
        await fixture.CheckAsync(file, 512 * KiB, 512 * KiB);
        Assert.Equal([(0L, (700L * KiB) + 123)], fixture.Store.Ranges);
        ReaderCounters counters = fixture.Reader.Counters;
        Assert.Equal(128 * KiB, counters.MissBytes);
        Assert.Equal((128 * KiB) + (188 * KiB) + 123, counters.HitBytes);
        Assert.Equal(counters.HitBytes + counters.MissBytes, counters.ReadBytes);
        await fixture.QuietAsync();
        Assert.Equal((700 * KiB) + 123 - (128 * KiB), fixture.Reader.Counters.PrefetchBytes);
    }

    [Fact]
    public async Task ReadAsync_EndOfFile_IsCutOrEmpty()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, 100_000);
        await fixture.CheckAsync(file, 99_999, 4096);
        await fixture.CheckAsync(file, 100_000, 4096);
        await fixture.CheckAsync(file, long.MaxValue - 4096, 4096);
        await fixture.CheckAsync(file, 0, 0);
        Assert.True(fixture.Reader.TryRead(1, 200_000, 10, out ReadLease behind));
        Assert.Equal(0, behind.Length);
        Assert.True(behind.Segments.IsEmpty);
        behind.Dispose();
    }

    [Fact]
    public async Task ReadAsync_EmptyFile_NeverAsksTheStore()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        await fixture.CheckAsync(fixture.Store.File(1, 0), 0, 4096);
        Assert.Empty(fixture.Store.Ranges);
        Assert.Equal(0, fixture.Reader.Counters.OpenFiles);
    }

    [Fact]
    public async Task TryRead_NothingAtHand_SaysSoAndDoesNothing()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        Assert.False(fixture.Reader.TryRead(1, 0, 4096, out _));
        await fixture.CheckAsync(fixture.Store.File(2, 1L << 30), 512 * MiB, 4096);
        Assert.False(fixture.Reader.TryRead(2, 100 * MiB, 4096, out _));
        Assert.False(fixture.Reader.TryRead(2, (512 * MiB) + (32 * KiB), 64 * KiB, out _));
        Assert.Single(fixture.Store.Ranges);
    }

    [Fact]
    public async Task ReadAsync_ThousandRandomReads_FetchNoMoreThanOneUnitEach()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, 1L << 30);
        Random random = new(42);
        for (int i = 0; i < 1000; i++)
        {
            await fixture.CheckAsync(file, random.NextInt64(1, (1L << 30) / 4096) * 4096, 4096);
        }

        Assert.All(fixture.Store.Ranges, range => Assert.InRange(range.Count, 1, 64 * KiB));
        Assert.InRange(fixture.Store.Ranges.Count, 900, 1000);
    }

    [Fact]
    public async Task ReadAsync_Sequential_BecomesFewLargeParallelFetches()
    {
        const long Size = 128L * MiB;
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, Size);
        for (long offset = 0; offset < Size; offset += 256 * KiB)
        {
            await fixture.CheckAsync(file, offset, 256 * KiB);
        }

        (long Offset, long Count)[] ranges = [.. fixture.Store.Ranges];
        Assert.Equal(Size, ranges.Sum(range => range.Count));
        Assert.InRange(ranges.Length, 16, 40);
        Assert.All(ranges.Where(range => range.Offset > 64 * MiB), range => Assert.Equal(8 * MiB, range.Count));
        Assert.Equal(0, fixture.Reader.Counters.PrefetchWastedBytes);
    }

    [Fact]
    public async Task ReadAsync_SequentialOverASlowStore_KeepsAWindowInFlightAndNoMore()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 1L << 30);
        HashSet<StoreCall> ended = [];
        long furthest = 0;
        int mostInFlight = 0;
        for (long offset = 0; offset < 128 * MiB; offset += MiB)
        {
            Task<ReadLease> read = fixture.ReadAsync(file, offset, MiB);
            if (!read.IsCompleted)
            {
                StoreCall call = await fixture.Store.CallAtAsync(offset);
                furthest = Math.Max(furthest, call.End);
                Assert.InRange(furthest - offset, 0, 65 * MiB);
                mostInFlight = Math.Max(mostInFlight, (await fixture.Store.CallsAsync(0)).Length - ended.Count);
                Assert.True(ended.Add(call));
                call.Complete();
            }

            using ReadLease lease = await read;
            Content.Check(1, offset, lease);
        }

        Assert.InRange(mostInFlight, 7, 9);
    }

    [Fact]
    public async Task ReadAsync_KernelRequestsSlightlyOutOfOrder_AreStillSequential()
    {
        const long Size = 64L * MiB;
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, Size);
        Random random = new(5);
        long[] offsets = [.. Enumerable.Range(0, (int)(Size / (128 * KiB))).Select(i => i * 128L * KiB)];
        for (int block = 0; block < offsets.Length; block += 6)
        {
            random.Shuffle(offsets.AsSpan(block, Math.Min(6, offsets.Length - block)));
        }

        foreach (long offset in offsets)
        {
            await fixture.CheckAsync(file, offset, 128 * KiB);
        }

        Assert.Equal(Size, fixture.Store.Ranges.Sum(range => range.Count));
        Assert.InRange(fixture.Store.Ranges.Count, 8, 40);
    }

    [Fact]
    public async Task ReadAsync_Strided_FetchesTheNextStridesAheadAndNothingBetween()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, 1L << 30);
        int hits = 0;
        for (int i = 1; i <= 100; i++)
        {
            long offset = i * 4L * MiB;
            if (fixture.Reader.TryRead(1, offset, 64 * KiB, out ReadLease lease))
            {
                Content.Check(1, offset, lease);
                lease.Dispose();
                hits++;
            }
            else
            {
                await fixture.CheckAsync(file, offset, 64 * KiB);
            }

            await fixture.QuietAsync();
        }

        Assert.InRange(hits, 90, 100);
        Assert.InRange(fixture.Store.Ranges.Sum(range => range.Count), 100 * 64 * KiB, 120 * 64 * KiB);
    }

    [Fact]
    public async Task ReadAsync_RandomRecordsOfSeveralRequests_LearnsTheirLength()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, 64L << 30);
        Random random = new(11);
        long before = 0;
        for (int record = 0; record < 200; record++)
        {
            if (record == 40)
            {
                await fixture.QuietAsync();
                before = fixture.Store.Counters.Bytes;
            }

            long start = random.NextInt64(1, 32_000) * 2 * MiB;
            for (int i = 0; i < 4; i++)
            {
                await fixture.CheckAsync(file, start + (i * 512L * KiB), 512 * KiB);
            }
        }

        await fixture.QuietAsync();
        Assert.InRange(fixture.Store.Counters.Bytes - before, 160L * 2 * MiB, 160L * 2 * MiB * 5 / 4);
    }

    [Fact]
    public async Task ReadAsync_ReadersOfTheSameBytes_ShareOneFetch()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        Task<ReadLease>[] reads = [.. Enumerable.Range(0, 20).Select(i => fixture.ReadAsync(file, i * 1000, 50_000))];
        StoreCall call = (await fixture.Store.CallsAsync(1))[0];
        call.Complete();
        for (int i = 0; i < reads.Length; i++)
        {
            using ReadLease lease = await reads[i];
            Content.Check(1, i * 1000, lease);
        }

        Assert.Single(fixture.Store.Ranges);
    }

    [Fact]
    public async Task ReadAsync_OverlappingRanges_FetchOnlyWhatIsMissing()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 1L << 30);
        Task<ReadLease> first = fixture.ReadAsync(file, (100 * MiB) + (64 * KiB), 64 * KiB);
        Task<ReadLease> second = fixture.ReadAsync(file, 100 * MiB, 256 * KiB);
        StoreCall[] calls = await fixture.Store.CallsAsync(3);
        Assert.Equal([(100L * MiB, 64L * KiB), ((100L * MiB) + (64 * KiB), 64L * KiB), ((100L * MiB) + (128 * KiB), 128L * KiB)], calls.Select(call => (call.Offset, call.Count)).Order());
        foreach (StoreCall call in calls)
        {
            call.Complete();
        }

        using ReadLease lease1 = await first;
        using ReadLease lease2 = await second;
        Content.Check(1, (100 * MiB) + (64 * KiB), lease1);
        Content.Check(1, 100 * MiB, lease2);
        Assert.Equal(3, lease2.Segments.Length);
    }

    [Fact]
    public async Task ReadAsync_GuardedStore_ServesReadersAsTheirBytesArrive()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 900 * KiB);
        Task<ReadLease> head = fixture.ReadAsync(file, 0, 128 * KiB);
        Task<ReadLease> tail = fixture.ReadAsync(file, 772 * KiB, 128 * KiB);
        StoreCall call = (await fixture.Store.CallsAsync(1))[0];

        call.Deliver(127 * KiB);
        Assert.False(head.IsCompleted);
        call.Deliver(1 * KiB);

        using ReadLease lease = await head;
        Content.Check(1, 0, lease);
        Assert.False(tail.IsCompleted);
        Assert.False(fixture.Reader.TryRead(1, 128 * KiB, 4096, out _));
        call.DeliverRest();
        (await tail).Dispose();
        call.Return();
    }

    [Fact]
    public async Task ReadAsync_UnguardedStore_ServesNobodyBeforeTheVersionIsChecked()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, ReadsAreGuarded = false });
        FileVersion file = fixture.Store.File(1, 900 * KiB);
        Task<ReadLease> head = fixture.ReadAsync(file, 0, 128 * KiB);
        StoreCall call = (await fixture.Store.CallsAsync(1))[0];
        call.DeliverRest();
        Assert.False(head.IsCompleted);
        Assert.False(fixture.Reader.TryRead(1, 0, 4096, out _));

        call.Return();

        using ReadLease lease = await head;
        Content.Check(1, 0, lease);
    }

    [Fact]
    public async Task ReadAsync_UnguardedStoreAndVersionChangedAtTheEndOfAPart_ReleasesNothing()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, ReadsAreGuarded = false });
        FileVersion file = fixture.Store.File(1, 900 * KiB);
        Task<ReadLease> read = fixture.ReadAsync(file, 0, 128 * KiB);
        StoreCall call = (await fixture.Store.CallsAsync(1))[0];
        call.DeliverRest();
        call.Fail(new CacheException(CacheError.VersionChanged, "mem://store/file1 was replaced; run mlp dataset sync."));

        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => read);
        Assert.Equal(CacheError.VersionChanged, failure.Error);
        Assert.Equal(0, fixture.Reader.Counters.ReadBytes);
        Assert.False(fixture.Reader.TryRead(1, 0, 4096, out _));
    }

    [Fact]
    public async Task Close_FileWithReadahead_CancelsItAndForgetsTheFile()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 1L << 30);
        Task<ReadLease> read = fixture.ReadAsync(file, 0, 128 * KiB);
        StoreCall[] calls = await fixture.Store.CallsAsync(2);
        calls.Single(call => call.Offset == 0).Complete();
        (await read).Dispose();

        fixture.Reader.Close(1);

        Assert.Equal(0, fixture.Reader.Counters.OpenFiles);
        await fixture.QuietAsync();
        Assert.Equal(0, fixture.Store.Active);
    }

    [Fact]
    public async Task Sweep_FilesNobodyCloses_AgeOut()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        for (ulong inode = 1; inode <= 40; inode++)
        {
            // Half are read to their end, half are abandoned in the middle.
            await fixture.CheckAsync(fixture.Store.File(inode, 40 * KiB), 0, inode % 2 == 0 ? 40 * KiB : 4 * KiB);
            await fixture.CheckAsync(fixture.Store.File(1000 + inode, 100 * MiB), inode % 2 == 0 ? 0 : 50 * MiB, 4096);
        }

        await fixture.QuietAsync();
        fixture.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(60, fixture.Reader.Counters.OpenFiles);
        fixture.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(0, fixture.Reader.Counters.OpenFiles);
    }

    [Fact]
    public async Task ReadAsync_MoreFilesThanTheBound_ForgetsTheOldest()
    {
        await using ReaderFixture fixture = new(new MemoryStore(), options: new ReaderOptions { MaxFiles = 1024 });
        for (ulong inode = 1; inode <= 1500; inode++)
        {
            await fixture.CheckAsync(fixture.Store.File(inode, 8 * KiB), 0, 4 * KiB);
        }

        Assert.InRange(fixture.Reader.Counters.OpenFiles, 512, 1024);
        Assert.True(fixture.Reader.TryRead(1500, 4096, 4096, out ReadLease lease));
        lease.Dispose();
    }

    [Fact]
    public async Task Lease_HeldWhileEverythingIsDropped_KeepsItsBytes()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, 900 * KiB);
        ReadLease lease = await fixture.ReadAsync(file, 0, 512 * KiB);
        fixture.Reader.Close(1);
        fixture.Clock.Advance(TimeSpan.FromMinutes(5));
        fixture.Reader.Reclaim(long.MaxValue, ReclaimDepth.UnderWay);
        Content.Check(1, 0, lease);
        lease.Dispose();
        Assert.Throws<InvalidOperationException>(lease.Dispose);
    }

    [Fact]
    public async Task TryRead_Hit_AllocatesNothing()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion small = fixture.Store.File(1, 900 * KiB);
        FileVersion large = fixture.Store.File(2, 1L << 30);
        await fixture.CheckAsync(small, 0, 4096);
        await fixture.CheckAsync(large, 512 * MiB, 64 * KiB);
        long least = long.MaxValue;
        for (int pass = 0; pass < 10 && least > 0; pass++)
        {
            // The first pass fills pools, and a lock that is contended for the first time makes its event.
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
            {
                Assert.True(fixture.Reader.TryRead(1, i * 512, 4096, out ReadLease first));
                Assert.True(fixture.Reader.TryRead(2, (512 * MiB) + (i % 15 * 4096), 4096, out ReadLease second));
                second.Dispose();
                first.Dispose();
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }
}
