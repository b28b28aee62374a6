using MLPlatform.Tiers;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.Segments;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>What happens while a read or a write is on its way: the disk is stopped there.</summary>
public sealed class SegmentOrderTests : IDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private readonly HookedDeviceFiles _disk = new();
    private readonly SemaphoreSlim _reached = new(0);
    private readonly ManualResetEventSlim _goOn = new();

    public void Dispose()
    {
        _goOn.Set();
        _reached.Dispose();
    }

    [Fact]
    public async Task Appends_ThatWaitTogether_AreWrittenTogether()
    {
        await using SegmentFixture fixture = Fixture();
        await fixture.AppendAsync(0, 100);
        _disk.BeforeWrite = Stop;
        Task<ulong> first = fixture.AppendAsync(1, 100);
        Assert.True(await _reached.WaitAsync(s_deadline));
        long before = fixture.Files.Changes;
        Task<ulong>[] others = [.. Enumerable.Range(2, 50).Select(id => fixture.AppendAsync(id, 1000 + id))];
        Assert.Equal(50, fixture.Store.QueueDepth);
        Assert.False(fixture.Store.TryFind(SegmentFixture.KeyOf(1), out _));
        _goOn.Set();
        await first.WaitAsync(s_deadline);
        await Task.WhenAll(others).WaitAsync(s_deadline);
        Assert.Equal(before + 1, fixture.Files.Changes);
        Assert.All(Enumerable.Range(2, 50), id => Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(id, 1000 + id)));
    }

    [Fact]
    public async Task Append_CancelledBeforeItIsQueued_EndsAtOnce_AndQueuedOnesAreWritten()
    {
        await using SegmentFixture fixture = Fixture(queueLength: 2);
        await fixture.AppendAsync(0, 100);
        _disk.BeforeWrite = Stop;
        Task<ulong> first = fixture.AppendAsync(1, 100);
        Assert.True(await _reached.WaitAsync(s_deadline));
        Task<ulong>[] queued = [fixture.AppendAsync(2, 100), fixture.AppendAsync(3, 100)];
        using CancellationTokenSource cancelled = new();
        SegmentRecord record = new() { Key = SegmentFixture.KeyOf(4), Length = 0, Payload = default, UnitChecksums = default };
        Task<ulong> waiting = fixture.Store.AppendAsync(record, cancelled.Token).AsTask();
        Assert.False(waiting.IsCompleted);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(s_deadline));
        _goOn.Set();
        await first.WaitAsync(s_deadline);
        await Task.WhenAll(queued).WaitAsync(s_deadline);
        Assert.False(fixture.Store.TryFind(SegmentFixture.KeyOf(4), out _));
        Assert.Equal(4, fixture.Store.RecordCount);
    }

    [Fact]
    public async Task Pin_AndRemoval_DuringAMove_AreKept()
    {
        await using SegmentFixture fixture = Fixture();
        for (int id = 0; id < 5; id++)
        {
            await fixture.AppendAsync(id, 300_000);
        }

        fixture.Store.Remove(SegmentFixture.KeyOf(0));
        _disk.BeforeWrite = Stop;
        Task<bool> cleaning = fixture.Store.CleanAsync(1, CancellationToken.None);
        Assert.True(await _reached.WaitAsync(s_deadline));
        Assert.True(fixture.Store.SetPinned(SegmentFixture.KeyOf(1), true));
        Assert.True(fixture.Store.Remove(SegmentFixture.KeyOf(2)));
        _goOn.Set();
        Assert.True(await cleaning.WaitAsync(s_deadline));
        Assert.True(fixture.Store.TryFind(SegmentFixture.KeyOf(1), out RecordLocation location));
        Assert.Equal((uint)RecordFlags.Pinned, location.Flags);
        Assert.NotEqual(1, RecordPlace.Unpack(location.Place).Segment);
        Assert.False(fixture.Store.TryFind(SegmentFixture.KeyOf(2), out _));
        Assert.Equal((3, 900_000), (fixture.Store.RecordCount, fixture.Store.PayloadBytes));
        Assert.Equal(3 * (SegmentFormat.RecordBytesOf(300_000) + SegmentFormat.TableRowBytes), fixture.Store.LiveDiskBytes);
    }

    [Fact]
    public async Task Read_OnItsWayWhileItsSegmentIsRemoved_GetsItsBytes_AndThenTheDescriptorGoes()
    {
        await using SegmentFixture fixture = Fixture();
        ulong place = await fixture.AppendAsync(0, 300_000);
        await fixture.AppendAsync(1, 900_000);
        _disk.BeforeRead = Stop;
        Task<ReadOutcome> reading = Task.Run(() =>
        {
            ReadOutcome outcome = fixture.Read(place, 300_000, 0, 300_000, out byte[] bytes);
            SegmentFixture.AssertSame(SegmentFixture.ContentOf(0, 300_000), bytes, 0);
            return outcome;
        });
        Assert.True(await _reached.WaitAsync(s_deadline));
        _disk.BeforeRead = null;
        fixture.Store.Remove(SegmentFixture.KeyOf(0));
        Assert.True(await fixture.Store.CleanAsync(1, CancellationToken.None));
        Assert.False(File.Exists(Path.Combine(fixture.Directory, SegmentFormat.FileName(1))));
        Assert.Equal(2, fixture.Descriptors());
        Assert.Equal(ReadOutcome.Miss, fixture.Read(place, 300_000, 0, 300_000, out _));
        _goOn.Set();
        Assert.Equal(ReadOutcome.Hit, await reading.WaitAsync(s_deadline));
        Assert.Equal(1, fixture.Descriptors());
        Assert.Equal(0, fixture.Store.ChecksumFailures);
    }

    private SegmentFixture Fixture(int queueLength = 256) =>
        new SegmentFixture(new FaultyDeviceFiles(_disk), new SegmentOptions { SegmentBytes = SegmentFixture.SmallSegmentBytes, QueueLength = queueLength }).Open();

    private void Stop()
    {
        _reached.Release();
        Assert.True(_goOn.Wait(s_deadline));
    }
}
