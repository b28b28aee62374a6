using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Client;

/// <summary>The budget: never exceeded, shared, and enough for one read of anybody.</summary>
public sealed class FileReaderMemoryTests
{
    private const int KiB = 1 << 10;
    private const int MiB = 1 << 20;

    [Fact]
    [Promise("S11")]
    public async Task Budget_ThirtyTwoSequentialReadersIn64MiB_AllProgressWithLittleWaste()
    {
        const long Size = 8L * MiB;
        await using ReaderFixture fixture = new(new MemoryStore(), budget: 64 << 20);
        await Task.WhenAll(Enumerable.Range(1, 32).Select(inode => Task.Run(async () =>
        {
            FileVersion file = fixture.Store.File((ulong)inode, Size);
            for (long offset = 0; offset < Size; offset += 512 * KiB)
            {
                await fixture.CheckAsync(file, offset, 512 * KiB);
            }
        })));
        Assert.InRange(fixture.Budget.PeakBytes, 1, 64 << 20);
        await fixture.QuietAsync();
        Assert.InRange(fixture.Store.Counters.Bytes, 32 * Size, 32 * Size * 5 / 4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [Promise("S11")]
    public async Task Budget_OfFewReads_IsEnoughForManyReaders(int mebibytes)
    {
        await using ReaderFixture fixture = new(new MemoryStore(), budget: (long)mebibytes << 20);
        await Task.WhenAll(Enumerable.Range(1, 16).Select(inode => Task.Run(async () =>
        {
            FileVersion file = fixture.Store.File((ulong)inode, (inode % 2) == 0 ? 3 * MiB : 900 * KiB);
            for (long offset = 0; offset < file.Object.Size; offset += MiB)
            {
                await fixture.CheckAsync(file, offset, MiB);
            }
        })));
        Assert.InRange(fixture.Budget.PeakBytes, 1, (long)mebibytes << 20);
    }

    [Fact]
    public async Task Budget_ReadLargerThanAllOfIt_FailsAndNamesTheOption()
    {
        await using ReaderFixture fixture = new(new MemoryStore(), budget: 1 << 20);
        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => fixture.ReadAsync(fixture.Store.File(1, 1L << 30), 0, 2 * MiB));
        Assert.Equal(CacheError.Configuration, failure.Error);
        Assert.Contains("--memory", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Budget_Readahead_LeavesTheLastQuarterFree()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 100 }, budget: 32 << 20);
        HashSet<StoreCall> ended = [];
        for (ulong inode = 1; inode <= 4; inode++)
        {
            FileVersion file = fixture.Store.File(inode, 1L << 30);
            for (long offset = 0; offset < 2 * MiB; offset += 128 * KiB)
            {
                Task<ReadLease> read = fixture.ReadAsync(file, offset, 128 * KiB);
                while (!read.IsCompleted)
                {
                    StoreCall[] calls = await fixture.Store.CallsAsync(ended.Count + 1);
                    foreach (StoreCall call in calls.Where(call => call.Offset <= offset && ended.Add(call)))
                    {
                        call.Complete();
                    }

                    await Task.WhenAny(read, Task.Delay(1));
                }

                (await read).Dispose();
                Assert.InRange(fixture.Budget.UsedBytes, 0, 24 << 20);
            }
        }
    }

    [Fact]
    public async Task Budget_WantedByAnother_IdlePartsGiveWay()
    {
        await using ReaderFixture fixture = new(new MemoryStore(), budget: 64 << 20);
        for (ulong inode = 1; inode <= 60; inode++)
        {
            await fixture.CheckAsync(fixture.Store.File(inode, MiB), 0, 4096);
        }

        Assert.InRange(fixture.Budget.UsedBytes, 40 << 20, 64 << 20);
        await fixture.Budget.ChargeAsync(60 << 20, CancellationToken.None).AsTask().WaitAsync(ReaderFixture.Patience);
        fixture.Budget.Return(60 << 20);
    }

    [Fact]
    public async Task Budget_ReaderWaits_ReadaheadUnderWayGivesWay()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 100 }, budget: 16 << 20);
        FileVersion file = fixture.Store.File(1, 1L << 30);
        Task<ReadLease> head = fixture.ReadAsync(file, 0, MiB);
        StoreCall first = await fixture.Store.CallAtAsync(0);
        StoreCall ahead = await fixture.Store.CallAtAsync(MiB);
        first.Complete();
        (await head).Dispose();

        Task<ReadLease> demand = fixture.ReadAsync(fixture.Store.File(2, 16 * MiB), 0, 15 * MiB);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ahead.Task.WaitAsync(ReaderFixture.Patience));
        foreach (StoreCall call in (await fixture.Store.CallsAsync(calls => calls.Any(call => call.Count > 8 * MiB))).Where(call => call.Count > 8 * MiB))
        {
            call.Complete();
        }

        using ReadLease lease = await demand;
        Content.Check(2, 0, lease);
    }

    [Fact]
    public async Task Budget_HeldByLeases_ReadsWaitAndEndAtTheirDeadline()
    {
        await using ReaderFixture fixture = new(new MemoryStore(), budget: 4 << 20);
        FileVersion file = fixture.Store.File(1, 1L << 30);
        ReadLease[] held = await Task.WhenAll(Enumerable.Range(1, 4).Select(i => fixture.ReadAsync(file, i * 100L * MiB, MiB)));
        Task<ReadLease> late = fixture.ReadAsync(file, 600L * MiB, MiB);
        using CancellationTokenSource cancel = new();
        Task<ReadLease> cancelled = fixture.ReadAsync(file, 700L * MiB, MiB, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        fixture.Clock.Advance(TimeSpan.FromSeconds(61));
        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => late);
        Assert.Equal(CacheError.DeadlineExceeded, failure.Error);
        Assert.Contains("--memory", failure.Message, StringComparison.Ordinal);

        Task<ReadLease> patient = fixture.ReadAsync(file, 800L * MiB, MiB);
        Assert.False(patient.IsCompleted);
        held[0].Dispose();
        (await patient).Dispose();
        foreach (ReadLease lease in held.Skip(1))
        {
            lease.Dispose();
        }
    }

    [Fact]
    public async Task Consumed_Parts_AreDroppedAfterAShortGrace()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        await fixture.CheckAsync(fixture.Store.File(1, 500 * KiB), 0, 500 * KiB);
        await fixture.CheckAsync(fixture.Store.File(1, 500 * KiB), 0, 4096);
        Assert.Single(fixture.Store.Ranges);
        fixture.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(fixture.Reader.TryRead(1, 0, 4096, out _));
        Assert.Equal(0, fixture.Reader.Counters.OpenFiles);
        Assert.Equal(0, fixture.Reader.Counters.PrefetchWastedBytes);
    }

    [Fact]
    public async Task Idle_ReaderThatNobodyUses_GivesItsBlocksBackToTheSystem()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        for (ulong inode = 1; inode <= 50; inode++)
        {
            await fixture.CheckAsync(fixture.Store.File(inode, MiB), 0, MiB);
        }

        await fixture.QuietAsync();
        Assert.NotEqual(0, fixture.Budget.UsedBytes);
        for (int i = 0; i < 10; i++)
        {
            fixture.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(0, fixture.Budget.UsedBytes);
    }

    [Fact]
    public async Task Consumed_HotBytesReadAgainAndAgain_DoNotCount()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        FileVersion file = fixture.Store.File(1, MiB);
        for (int i = 0; i < 1000; i++)
        {
            await fixture.CheckAsync(file, 8192, 4096);
        }

        fixture.Clock.Advance(TimeSpan.FromSeconds(5));
        await fixture.CheckAsync(file, 0, MiB);
        Assert.Single(fixture.Store.Ranges);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(100_000)]
    [InlineData((1 << 20) - 1)]
    public async Task Consumed_ReadInPiecesOfAnySize_IsRecognised(int size)
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        foreach (int piece in new[] { 1 + (size / 3), 5000, size })
        {
            FileVersion file = fixture.Store.File((ulong)piece, size);
            for (int offset = 0; offset < size; offset += piece)
            {
                await fixture.CheckAsync(file, offset, piece);
            }
        }

        await fixture.QuietAsync();
        fixture.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(0, fixture.Reader.Counters.OpenFiles);
    }

    [Fact]
    public async Task Prefetched_NeverRead_IsCountedAsWaste()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        await fixture.CheckAsync(fixture.Store.File(1, 500 * KiB), 0, 100 * KiB);
        await fixture.QuietAsync();
        fixture.Reader.Close(1);
        Assert.Equal(400 * KiB, fixture.Reader.Counters.PrefetchBytes);
        Assert.Equal(400 * KiB, fixture.Reader.Counters.PrefetchWastedBytes);
    }
}
