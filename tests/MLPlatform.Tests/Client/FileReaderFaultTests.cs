using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Client;

/// <summary>Cancellation, deadlines, faults of the store, limits of fetching.</summary>
public sealed class FileReaderFaultTests
{
    private const int KiB = 1 << 10;
    private const int MiB = 1 << 20;

    [Fact]
    public async Task Cancel_OneOfTwoReaders_LeavesTheOtherItsFetch()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        using CancellationTokenSource cancel = new();
        Task<ReadLease> leaving = fixture.ReadAsync(file, 0, 50_000, cancel.Token);
        Task<ReadLease> staying = fixture.ReadAsync(file, 0, 60_000);
        StoreCall call = await fixture.Store.CallAtAsync(0);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        Assert.False(call.CancellationToken.IsCancellationRequested);
        call.Complete();
        using ReadLease lease = await staying;
        Content.Check(1, 0, lease);
        Assert.Equal(0, fixture.Reader.Counters.ReadErrors);
    }

    [Fact]
    public async Task Cancel_LastReader_CancelsTheFetchAndTheNextReadBeginsAnother()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        using CancellationTokenSource cancel = new();
        Task<ReadLease> leaving = fixture.ReadAsync(file, 0, 50_000, cancel.Token);
        StoreCall first = await fixture.Store.CallAtAsync(0);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.Task.WaitAsync(ReaderFixture.Patience));
        await fixture.QuietAsync();

        Task<ReadLease> next = fixture.ReadAsync(file, 0, 50_000);
        (await fixture.Store.CallsAsync(2))[1].Complete();
        using ReadLease lease = await next;
        Content.Check(1, 0, lease);
    }

    [Fact]
    public async Task Cancel_ReaderOfReadahead_LetsItFinish()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 1L << 30);
        Task<ReadLease> first = fixture.ReadAsync(file, 0, MiB);
        (await fixture.Store.CallAtAsync(0)).Complete();
        (await first).Dispose();
        StoreCall ahead = await fixture.Store.CallAtAsync(MiB);
        using CancellationTokenSource cancel = new();
        Task<ReadLease> leaving = fixture.ReadAsync(file, MiB, MiB, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        Assert.False(ahead.CancellationToken.IsCancellationRequested);
        ahead.Complete();
        await fixture.CheckAsync(file, MiB, MiB);
    }

    [Fact]
    public async Task ReadAsync_TokenEndedBefore_AsksNobody()
    {
        await using ReaderFixture fixture = new(new MemoryStore());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fixture.ReadAsync(fixture.Store.File(1, 1000), 0, 1000, new CancellationToken(true)));
        Assert.Empty(fixture.Store.Ranges);
    }

    [Fact]
    [Promise("S4")]
    public async Task Deadline_StoreNamesItsLastCause_FailureNamesObjectAndCause()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, LastCause = new CacheException(CacheError.Throttled, "SlowDown (503)") });
        Task<ReadLease> read = fixture.ReadAsync(fixture.Store.File(1, 100 * KiB), 0, 50_000);
        StoreCall call = await fixture.Store.CallAtAsync(0);
        fixture.Clock.Advance(TimeSpan.FromSeconds(59));
        Assert.False(call.CancellationToken.IsCancellationRequested);
        fixture.Clock.Advance(TimeSpan.FromSeconds(2));

        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => read);
        Assert.Equal(CacheError.DeadlineExceeded, failure.Error);
        Assert.Contains("mem://store/file1", failure.Message, StringComparison.Ordinal);
        Assert.Contains("SlowDown (503)", failure.Message, StringComparison.Ordinal);
        Assert.Contains("60s", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, fixture.Reader.Counters.ReadErrors);
    }

    [Fact]
    public async Task Deadline_OfAllReadersOfAFetch_GivesEachTheCause()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, LastCause = new CacheException(CacheError.Unreachable, "connection refused") });
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        Task<ReadLease>[] reads = [.. Enumerable.Range(0, 5).Select(i => fixture.ReadAsync(file, i * 1000, 50_000))];
        await fixture.Store.CallAtAsync(0);
        fixture.Clock.Advance(TimeSpan.FromSeconds(61));
        foreach (Task<ReadLease> read in reads)
        {
            Assert.Contains("connection refused", (await Assert.ThrowsAsync<CacheException>(() => read)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Deadline_StoreIsDownAndReadsAreQueued_EachNamesTheStoresCause()
    {
        // As a store that degrades to one probe at a time does.
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 1, LastCause = new CacheException(CacheError.Unreachable, "connection refused") });
        Task<ReadLease>[] reads = [.. Enumerable.Range(1, 20).Select(inode => fixture.ReadAsync(fixture.Store.File((ulong)inode, 1000), 0, 1000))];
        await fixture.Store.CallAtAsync(0);
        fixture.Clock.Advance(TimeSpan.FromSeconds(61));
        await Assert.ThrowsAsync<CacheException>(() => reads[0]);
        await fixture.Store.CallsAsync(2);
        fixture.Clock.Advance(TimeSpan.FromSeconds(3));
        foreach (Task<ReadLease> read in reads)
        {
            CacheException failure = await Assert.ThrowsAsync<CacheException>(() => read);
            Assert.Equal(CacheError.DeadlineExceeded, failure.Error);
            Assert.Contains("connection refused", failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Promise("S4")]
    public async Task Deadline_StoreThatIgnoresItsToken_DoesNotHoldTheReader()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, IgnoresCancellation = true });
        Task<ReadLease> read = fixture.ReadAsync(fixture.Store.File(1, 100 * KiB), 0, 50_000);
        StoreCall call = await fixture.Store.CallAtAsync(0);
        fixture.Clock.Advance(TimeSpan.FromSeconds(60));
        fixture.Clock.Advance(TimeSpan.FromSeconds(3));
        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => read);
        Assert.Equal(CacheError.DeadlineExceeded, failure.Error);

        // Its buffer must outlive it all the same.
        call.Complete();
    }

    [Fact]
    public async Task Deadline_OfTheFirstReader_IsNotThatOfTheSecond()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        Task<ReadLease> early = fixture.ReadAsync(file, 0, 50_000);
        StoreCall call = await fixture.Store.CallAtAsync(0);
        fixture.Clock.Advance(TimeSpan.FromSeconds(40));
        Task<ReadLease> late = fixture.ReadAsync(file, 0, 60_000);
        fixture.Clock.Advance(TimeSpan.FromSeconds(21));
        fixture.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(CacheError.DeadlineExceeded, (await Assert.ThrowsAsync<CacheException>(() => early)).Error);
        Assert.False(call.CancellationToken.IsCancellationRequested);
        call.Complete();
        (await late).Dispose();
    }

    [Fact]
    [Promise("S4")]
    public async Task Deadline_OriginReturnsBeforeIt_ReadsGoOn()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        Task<ReadLease>[] reads = [.. Enumerable.Range(1, 8).Select(inode => fixture.ReadAsync(fixture.Store.File((ulong)inode, 100 * KiB), 0, 50_000))];
        StoreCall[] calls = await fixture.Store.CallsAsync(8);
        fixture.Clock.Advance(TimeSpan.FromSeconds(55));
        foreach (StoreCall call in calls)
        {
            call.Complete();
        }

        foreach (Task<ReadLease> read in reads)
        {
            (await read).Dispose();
        }

        Assert.Equal(0, fixture.Reader.Counters.ReadErrors);
    }

    [Fact]
    public async Task Deadline_WhileQueuedForTheStore_SaysSo()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 1 }, options: new ReaderOptions { IdleTimeout = TimeSpan.FromHours(1) });
        Task<ReadLease> first = fixture.ReadAsync(fixture.Store.File(1, 1000), 0, 1000);
        StoreCall call = await fixture.Store.CallAtAsync(0);
        fixture.Clock.Advance(TimeSpan.FromSeconds(30));
        Task<ReadLease> second = fixture.ReadAsync(fixture.Store.File(2, 1000), 0, 1000);
        fixture.Clock.Advance(TimeSpan.FromSeconds(20));
        call.Deliver(1000);
        (await first).Dispose();
        fixture.Clock.Advance(TimeSpan.FromSeconds(41));
        Assert.False(second.IsCompleted);
        fixture.Clock.Advance(TimeSpan.FromSeconds(3));
        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => second);
        Assert.Equal(CacheError.DeadlineExceeded, failure.Error);
        Assert.Contains("waited for its turn", failure.Message, StringComparison.Ordinal);
        call.Return();
    }

    [Fact]
    public async Task Sweep_ReadaheadThatNeverEnds_IsGivenUp()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 1L << 30);
        Task<ReadLease> first = fixture.ReadAsync(file, 0, MiB);
        (await fixture.Store.CallAtAsync(0)).Complete();
        (await first).Dispose();
        StoreCall ahead = await fixture.Store.CallAtAsync(MiB);
        fixture.Clock.Advance(TimeSpan.FromSeconds(61));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ahead.Task.WaitAsync(ReaderFixture.Patience));
    }

    [Fact]
    public async Task Fault_Transient_EveryReaderGetsItAndTheNextTriesAgain()
    {
        // The other file keeps the only slot until all three have joined: who joins a fetch under way is a late comer.
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 1 });
        Task<ReadLease> other = fixture.ReadAsync(fixture.Store.File(2, 1000), 0, 1000);
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        Task<ReadLease>[] reads = [.. Enumerable.Range(0, 3).Select(i => fixture.ReadAsync(file, i * 1000, 5000))];
        (await fixture.Store.CallAtAsync(0)).Complete();
        (await other).Dispose();
        (await fixture.Store.CallsAsync(2))[1].Fail(new CacheException(CacheError.Unreachable, "mem://store/file1 does not answer: connection refused."));
        CacheException[] failures = await Task.WhenAll(reads.Select(read => Assert.ThrowsAsync<CacheException>(() => read)));
        Assert.All(failures, failure => Assert.Equal(CacheError.Unreachable, failure.Error));
        Assert.Equal(3, failures.Distinct().Count());

        Task<ReadLease> next = fixture.ReadAsync(file, 0, 5000);
        (await fixture.Store.CallsAsync(3))[2].Complete();
        (await next).Dispose();
        Assert.Single(fixture.Log.Lines);
        Assert.Contains("connection refused", fixture.Log.Lines[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fault_TransientOfAFetchJoinedLate_IsTriedAgainForWhoCameLate(bool guarded)
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, ReadsAreGuarded = guarded });
        FileVersion file = fixture.Store.File(1, 900 * KiB);
        Task<ReadLease> early = fixture.ReadAsync(file, 800 * KiB, 50 * KiB);
        StoreCall call = await fixture.Store.CallAtAsync(0);
        Task<ReadLease> late = fixture.ReadAsync(file, 700 * KiB, 200 * KiB);
        call.Deliver(300 * KiB);
        call.Fail(new CacheException(CacheError.Unreachable, "cut"));
        Assert.Equal(CacheError.Unreachable, (await Assert.ThrowsAsync<CacheException>(() => early)).Error);

        StoreCall again = (await fixture.Store.CallsAsync(2))[1];
        Assert.Equal(guarded ? 300 * KiB : 0, again.Offset);
        Assert.Equal(900 * KiB, again.End);
        again.Fail(new CacheException(CacheError.Unreachable, "cut again"));
        Assert.Contains("cut again", (await Assert.ThrowsAsync<CacheException>(() => late)).Message, StringComparison.Ordinal);
        await fixture.QuietAsync();
        Assert.Equal(2, fixture.Store.Ranges.Count);
    }

    [Fact]
    public async Task Fault_InTheMiddleOfAPart_ReadersBeforeItWereServed()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 900 * KiB);
        Task<ReadLease> tail = fixture.ReadAsync(file, 800 * KiB, 100 * KiB);
        Task<ReadLease> head = fixture.ReadAsync(file, 0, 100 * KiB);
        StoreCall call = await fixture.Store.CallAtAsync(0);
        call.Deliver(500 * KiB);
        using ReadLease lease = await head;
        call.Fail(new CacheException(CacheError.Unreachable, "cut"));
        await Assert.ThrowsAsync<CacheException>(() => tail);
        Content.Check(1, 0, lease);
    }

    [Fact]
    public async Task Fault_VersionChanged_IsRememberedUntilTheFileIsClosed()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        Task<ReadLease> read = fixture.ReadAsync(file, 0, 5000);
        (await fixture.Store.CallAtAsync(0)).Fail(new CacheException(CacheError.VersionChanged, "mem://store/file1 was replaced; run mlp dataset sync."));
        await Assert.ThrowsAsync<CacheException>(() => read);

        CacheException again = await Assert.ThrowsAsync<CacheException>(() => fixture.ReadAsync(file, 50_000, 5000));
        Assert.Equal(CacheError.VersionChanged, again.Error);
        Assert.Contains("mlp dataset sync", again.Message, StringComparison.Ordinal);
        Assert.Single(fixture.Store.Ranges);

        fixture.Reader.Close(1);
        Task<ReadLease> reopened = fixture.ReadAsync(file, 0, 5000);
        (await fixture.Store.CallsAsync(2))[1].Complete();
        (await reopened).Dispose();
    }

    [Fact]
    public async Task Fault_StoreBreaksWithABug_ReadersAreToldWithoutItsText()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        Task<ReadLease> read = fixture.ReadAsync(fixture.Store.File(1, 1000), 0, 1000);
        (await fixture.Store.CallAtAsync(0)).Fail(new InvalidOperationException("a bug of the store: password=hunter2"));
        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => read);
        Assert.Equal(CacheError.Unreachable, failure.Error);
        Assert.DoesNotContain("hunter2", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fault_StoreEndsEarly_IsAFault()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        Task<ReadLease> read = fixture.ReadAsync(fixture.Store.File(1, 1000), 0, 1000);
        StoreCall call = await fixture.Store.CallAtAsync(0);
        call.Deliver(999);
        call.Return();
        CacheException failure = await Assert.ThrowsAsync<CacheException>(() => read);
        Assert.Contains("999 of 1000", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fault_ManyFilesOfADeadStore_AreNotAllLogged()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 500 });
        Task<ReadLease>[] reads = [.. Enumerable.Range(1, 300).Select(inode => fixture.ReadAsync(fixture.Store.File((ulong)inode, 1000), 0, 1000))];
        foreach (StoreCall call in await fixture.Store.CallsAsync(300))
        {
            call.Fail(new CacheException(CacheError.Unreachable, "down"));
        }

        await Task.WhenAll(reads.Select(read => Assert.ThrowsAsync<CacheException>(() => read)));
        await fixture.QuietAsync();
        Assert.Equal(20, fixture.Log.Lines.Length);
        Assert.Equal(300, fixture.Reader.Counters.ReadErrors);
    }

    [Fact]
    public async Task Dispose_ReadsThatWait_EndAtOnce()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true });
        FileVersion file = fixture.Store.File(1, 100 * KiB);
        Task<ReadLease> read = fixture.ReadAsync(file, 0, 1000);
        await fixture.Store.CallAtAsync(0);
        fixture.Reader.Dispose();
        Assert.Equal(CacheError.Interrupted, (await Assert.ThrowsAsync<CacheException>(() => read)).Error);
        Assert.Equal(CacheError.Interrupted, (await Assert.ThrowsAsync<CacheException>(() => fixture.ReadAsync(file, 0, 1000))).Error);
        Assert.False(fixture.Reader.TryRead(1, 0, 1000, out _));
    }

    [Fact]
    public async Task Parallelism_ManyReaders_StayWithinWhatTheStoreIsWorth()
    {
        await using ReaderFixture fixture = new(new MemoryStore { SuggestedParallelism = 5 });
        await Task.WhenAll(Enumerable.Range(1, 200).Select(inode => fixture.CheckAsync(fixture.Store.File((ulong)inode, 100_000), 0, 100_000)));
        Assert.InRange(fixture.Store.MaxActive, 1, 5);
        Assert.Equal(200, fixture.Store.Ranges.Count);
    }

    [Fact]
    public async Task Parallelism_ReadaheadFillsTheStore_ReaderWhoWaitsGoesFirst()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 4 });
        FileVersion large = fixture.Store.File(1, 1L << 30);
        HashSet<StoreCall> ended = [];
        for (long offset = 0; offset < 32 * MiB; offset += MiB)
        {
            Task<ReadLease> read = fixture.ReadAsync(large, offset, MiB);
            if (!read.IsCompleted)
            {
                StoreCall call = await fixture.Store.CallAtAsync(offset);
                Assert.True(ended.Add(call));
                call.Complete();
            }

            (await read).Dispose();
        }

        // Readahead is queued behind three fetches; the fourth slot is for this one.
        Assert.True(fixture.Reader.Counters.QueuedFetches > 0);
        Task<ReadLease> demand = fixture.ReadAsync(large, 900L * MiB, 4096);
        (await fixture.Store.CallAtAsync(900L * MiB)).Complete();
        (await demand).Dispose();
    }

    [Fact]
    public async Task Parallelism_ReaderComesToQueuedReadahead_IsPromoted()
    {
        await using ReaderFixture fixture = new(new MemoryStore { IsManual = true, SuggestedParallelism = 2 });
        FileVersion file = fixture.Store.File(1, 1L << 30);
        Task<ReadLease> first = fixture.ReadAsync(file, 0, MiB);
        StoreCall head = await fixture.Store.CallAtAsync(0);
        Assert.True(fixture.Reader.Counters.QueuedFetches > 0);
        Task<ReadLease> second = fixture.ReadAsync(file, MiB, MiB);
        StoreCall promoted = await fixture.Store.CallAtAsync(MiB);
        promoted.Complete();
        head.Complete();
        (await first).Dispose();
        (await second).Dispose();
    }
}
