using System.IO.MemoryMappedFiles;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.LargeFiles;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>Readers beside drops, deletes, writes and closings; readers who read without us.</summary>
public sealed class LargeFileConcurrencyTests
{
    private const int Seed = 20_261_126;

    [Fact]
    public async Task Reads_BesideDropsDeletesAndWrites_AreRightOrMisses()
    {
        const int Count = 3;
        byte[][] contents = [.. Enumerable.Range(0, Count).Select(static id => SegmentFixture.ContentOf(id, (9 << 20) + id + 1))];
        uint[][] checksums = [.. contents.Select(static c => SegmentFixture.ChecksumsOf(c))];
        await using LargeFixture fixture = new LargeFixture(options: new LargeFileOptions { MaxOpenFiles = 1 }).Open();
        using CancellationTokenSource ended = new(TimeSpan.FromSeconds(50));
        long hits = 0;
        long drops = 0;
        long writes = 0;
        Task[] tasks = [.. Enumerable.Range(0, 6).Select(worker => Task.Run(() =>
        {
            Random random = new(Seed + worker);
            while (!ended.IsCancellationRequested)
            {
                int id = random.Next(Count);
                LargeFile? file = fixture.Store.Find(SegmentFixture.KeyOf(id));
                if (worker < 3)
                {
                    long offset = random.Next(contents[id].Length);
                    ReadOutcome outcome = fixture.ReadChecked(id, contents[id], offset, 1 + random.Next(300_000));
                    Assert.NotEqual(ReadOutcome.Corrupt, outcome);
                    hits += outcome == ReadOutcome.Hit && worker == 0 ? 1 : 0;
                }
                else if (worker < 5)
                {
                    int first = random.Next(checksums[id].Length);
                    try
                    {
                        fixture.Write(id, contents[id], checksums[id], first, 1 + random.Next(Math.Min(80, checksums[id].Length - first)));
                        Interlocked.Increment(ref writes);
                    }
                    catch (CacheException e) when (e.Error == CacheError.NotFound)
                    {
                        // Deleted between the look and the write.
                    }
                }
                else if (file is not null && random.Next(20) == 0)
                {
                    file.Delete();
                }
                else if (file?.TryDropBlock(random.Next(3), out long gone) == true && gone > 0)
                {
                    drops++;
                }
            }
        }))];

        // As long as it takes for enough of everything; a busy machine is slower.
        while (!ended.IsCancellationRequested && !(Volatile.Read(ref hits) > 100 && Volatile.Read(ref drops) > 20 && Volatile.Read(ref writes) > 100))
        {
            await Task.Delay(100);
        }

        await ended.CancelAsync();
        await Task.WhenAll(tasks).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(hits > 100 && drops > 20 && writes > 100, $"{hits} hits, {drops} drops, {writes} writes.");
        Assert.Equal(0, fixture.Store.ChecksumFailures);
        fixture.AssertCounts();
        await fixture.ReopenAsync();
        fixture.AssertCounts();
    }

    [Fact]
    public async Task Drop_BetweenDataAndEntriesOfAWrite_IsRefused()
    {
        HookedDeviceFiles files = new();
        await using LargeFixture fixture = new LargeFixture(files).Open();
        byte[] content = SegmentFixture.ContentOf(0, 2 << 20);
        uint[] checksums = SegmentFixture.ChecksumsOf(content);
        fixture.Write(0, content, checksums, 0, 1);
        LargeFile file = fixture.Store.Find(SegmentFixture.KeyOf(0))!;
        int writes = 0;
        Task<bool>? drop = null;
        files.BeforeWrite = () =>
        {
            // The second write of a write is its entries, made under the lock that a drop wants.
            if (++writes == 1)
            {
                Assert.False(file.TryDropBlock(0, out _));
            }
            else if (writes == 2)
            {
                drop = Task.Run(() => file.TryDropBlock(0, out _));
            }
        };
        LargeFixture.Write(file, content, checksums, 4, 4);
        files.BeforeWrite = null;

        // The drop that waited came either before the writer had left, or dropped all of it.
        bool isDropped = await drop!.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(isDropped ? ReadOutcome.Miss : ReadOutcome.Hit, fixture.ReadChecked(0, content, 4 * 65_536, 4 * 65_536));
        Assert.Equal(isDropped ? ReadOutcome.Miss : ReadOutcome.Hit, fixture.ReadChecked(0, content, 0, 65_536));
        Assert.Equal(0, fixture.Store.ChecksumFailures);
        Assert.True(file.TryDropBlock(0, out long gone));
        Assert.Equal(isDropped ? 0 : 5 * 65_536, gone);
        fixture.AssertCounts();
    }

    [Fact]
    public async Task Descriptors_OfAThousandFiles_StayWithinTheLimit()
    {
        await using LargeFixture fixture = new LargeFixture(options: new LargeFileOptions { MaxOpenFiles = 20 }).Open();
        byte[] content = SegmentFixture.ContentOf(0, (1 << 20) + 1);
        uint[] checksums = SegmentFixture.ChecksumsOf(content);
        for (int id = 0; id < 1000; id++)
        {
            fixture.Write(id, content, checksums, 16, 1);
        }

        Assert.InRange(fixture.Descriptors(), 2, 40);

        Random random = new(Seed);
        for (int i = 0; i < 3000; i++)
        {
            Assert.Equal(ReadOutcome.Hit, fixture.ReadChecked(random.Next(1000), content, 1 << 20, 10));
            Assert.InRange(fixture.Store.OpenFiles, 1, 20);
        }

        Assert.Equal(40, fixture.Descriptors());
        fixture.AssertCounts();
        await fixture.Store.DisposeAsync();
        Assert.Equal(0, fixture.Descriptors());

        // A late reader opens nothing.
        Assert.Equal(ReadOutcome.Miss, fixture.ReadChecked(5, content, 1 << 20, 10));
        Assert.False(fixture.Store.TryBeginChange());
        Assert.Equal(0, fixture.Descriptors());
    }

    [Fact]
    public async Task Lease_WhileItLives_KeepsItsBytesFromDropsAndDeletes()
    {
        await using LargeFixture fixture = new LargeFixture().Open();
        byte[] content = SegmentFixture.ContentOf(0, (9 << 20) + 5);
        uint[] checksums = SegmentFixture.ChecksumsOf(content);
        fixture.Write(0, content, checksums, 0, 100);
        LargeFile file = fixture.Store.Find(SegmentFixture.KeyOf(0))!;
        await VerifyAsync(file);
        Assert.Null(file.TryLend());
        LargeFixture.Write(file, content, checksums, 100, checksums.Length - 100);
        Assert.Null(file.TryLend());
        await VerifyAsync(file);
        PassthroughLease lease = file.TryLend()!;

        // Another descriptor of the same, as a kernel or another process has it, and a map of it.
        using MemoryMappedFile map = MemoryMappedFile.CreateFromFile(new Microsoft.Win32.SafeHandles.SafeFileHandle(lease.Handle.DangerousGetHandle(), ownsHandle: false), null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        using MemoryMappedViewAccessor view = map.CreateViewAccessor(0, content.Length, MemoryMappedFileAccess.Read);
        int rounds = 0;
        using CancellationTokenSource ended = new();
        Task reader = Task.Run(() =>
        {
            byte[] buffer = new byte[content.Length];
            do
            {
                Assert.Equal(content.Length, RandomAccess.Read(lease.Handle, buffer, 0));
                SegmentFixture.AssertSame(content, buffer, 0);
                view.ReadArray(0, buffer, 0, buffer.Length);
                SegmentFixture.AssertSame(content, buffer, 0);
                Interlocked.Increment(ref rounds);
            }
            while (!ended.IsCancellationRequested);
        });
        for (int i = 0; i < 50 || Volatile.Read(ref rounds) < 3; i++)
        {
            Assert.False(file.TryDropBlock(i % 3, out long gone));
            Assert.Equal(0, gone);
            Assert.True(i < 1_000_000 && !reader.IsFaulted);
        }

        long disk = fixture.Store.DiskBytes;
        Assert.Equal(content.Length, file.Delete());
        Assert.Null(fixture.Store.Find(SegmentFixture.KeyOf(0)));
        Assert.Null(file.TryLend());

        // Its space is still taken, and counts.
        Assert.InRange(disk - fixture.Store.DiskBytes, 0, 8192);

        // The same file comes in anew beside the old.
        fixture.Write(0, content, checksums, 0, 10);
        Assert.True(fixture.Store.Find(SegmentFixture.KeyOf(0))!.TryDropBlock(0, out _));
        int before = Volatile.Read(ref rounds);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref rounds) > before + 2 || reader.IsCompleted, TimeSpan.FromSeconds(30)));
        await ended.CancelAsync();
        await reader;
        lease.Dispose();
        lease.Dispose();
        Assert.Equal(0, fixture.Store.DiskBytes);
    }

    [Fact]
    public async Task Lease_AfterADropOfAVerifiedFile_IsNotGiven()
    {
        await using LargeFixture fixture = new LargeFixture().Open();
        byte[] content = SegmentFixture.ContentOf(0, (5 << 20) + 5);
        uint[] checksums = SegmentFixture.ChecksumsOf(content);
        fixture.Write(0, content, checksums, 0, checksums.Length);
        LargeFile file = fixture.Store.Find(SegmentFixture.KeyOf(0))!;
        await VerifyAsync(file);
        file.TryLend()!.Dispose();
        Assert.True(file.TryDropBlock(1, out _));
        Assert.Null(file.TryLend());

        // Whole again, but not seen again.
        LargeFixture.Write(file, content, checksums, 64, checksums.Length - 64);
        Assert.True(file.IsComplete);
        Assert.Null(file.TryLend());
        await fixture.ReopenAsync();
        file = fixture.Store.Find(SegmentFixture.KeyOf(0))!;
        Assert.True(file.IsComplete);
        Assert.Null(file.TryLend());
    }

    private static async Task VerifyAsync(LargeFile file) => await file.VerifyAsync(static (_, _) => ValueTask.CompletedTask, CancellationToken.None);
}
