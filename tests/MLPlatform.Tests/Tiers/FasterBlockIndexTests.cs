using System.Text;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;
using Xunit;

namespace MLPlatform.Tests.Tiers;

public sealed class FasterBlockIndexTests
{
    private const int Many = 100_000;

    [Fact]
    public void Set_NewAndKnownKeys_TellsWhatWasThere()
    {
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        Assert.False(index.TryGet(IndexFolder.Key(1), out _));
        Assert.False(index.Set(IndexFolder.Key(1), IndexFolder.Location(1), out _));
        Assert.True(index.Set(IndexFolder.Key(1), IndexFolder.Location(2), out RecordLocation previous));
        Assert.Equal(IndexFolder.Location(1), previous);
        Assert.True(index.TryGet(IndexFolder.Key(1), out RecordLocation now));
        Assert.Equal(IndexFolder.Location(2), now);
        Assert.Equal(1, index.Count);
    }

    [Fact]
    public void ReplaceAndRemove_AnotherPlace_ChangeNothing()
    {
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        index.Set(IndexFolder.Key(1), IndexFolder.Location(1), out _);
        Assert.False(index.TryReplace(IndexFolder.Key(1), IndexFolder.Location(2).Place, IndexFolder.Location(3)));
        Assert.False(index.TryRemove(IndexFolder.Key(1), IndexFolder.Location(2).Place));
        Assert.False(index.TryReplace(IndexFolder.Key(2), 0, IndexFolder.Location(3)));
        Assert.False(index.TryRemove(IndexFolder.Key(2), 0));
        Assert.Equal(IndexFolder.Location(1), Assert.Single(IndexFolder.Content(index)).Value);

        Assert.True(index.TryReplace(IndexFolder.Key(1), IndexFolder.Location(1).Place, IndexFolder.Location(3)));
        Assert.Equal(IndexFolder.Location(3), Assert.Single(IndexFolder.Content(index)).Value);
        Assert.True(index.TryRemove(IndexFolder.Key(1), IndexFolder.Location(3).Place));
        Assert.Empty(IndexFolder.Content(index));
        Assert.Equal(0, index.Count);
    }

    [Fact]
    public async Task Churn_OfManyTimesTheEntries_KeepsTheLiveSetInBoundedMemory()
    {
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        long atFirst = 0;
        for (int i = 0; i < 12 * Many; i++)
        {
            if (i % Many == 0)
            {
                await index.Rebuilding;
            }

            index.Set(IndexFolder.Key(i), IndexFolder.Location(i), out _);
            if (i >= Many)
            {
                Assert.True(index.TryRemove(IndexFolder.Key(i - Many), IndexFolder.Location(i - Many).Place));
            }
            else if (i == Many - 1)
            {
                await index.Rebuilding;
                atFirst = index.MemoryBytes;
            }
        }

        await index.Rebuilding;
        Assert.Equal(Many, index.Count);

        // One falls due after 187,000 removals and is over at the next multiple of 100,000.
        Assert.True(index.Rebuilds >= 3, $"{index.Rebuilds} rebuilds");
        Assert.True(index.MemoryBytes < 2 * atFirst, $"{index.MemoryBytes} bytes after {atFirst}");
        Dictionary<FileKey, RecordLocation> content = IndexFolder.Content(index);
        Assert.Equal(Many, content.Count);
        for (int i = 11 * Many; i < 12 * Many; i++)
        {
            Assert.Equal(IndexFolder.Location(i), content[IndexFolder.Key(i)]);
            Assert.True(index.TryGet(IndexFolder.Key(i), out RecordLocation location));
            Assert.Equal(IndexFolder.Location(i), location);
        }
    }

    [Fact]
    public void LookUps_OfKnownAndUnknownKeys_AllocateNothing()
    {
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        for (int i = 0; i < 1000; i++)
        {
            index.Set(IndexFolder.Key(i), IndexFolder.Location(i), out _);
        }

        Assert.Equal(1000, Found());
        long before = GC.GetAllocatedBytesForCurrentThread();
        int found = Found();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(1000, found);
        Assert.Equal(0, allocated);

        int Found()
        {
            int hits = 0;
            for (int i = 0; i < 2000; i++)
            {
                hits += index.TryGet(IndexFolder.Key(i), out _) ? 1 : 0;
            }

            return hits;
        }
    }

    [Fact]
    public void Threads_ThatComeAndGo_LeaveNothingBehind()
    {
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        index.Set(IndexFolder.Key(1), IndexFolder.Location(1), out _);
        Run(1000);
        Assert.InRange(index.Sessions, 1, 64);

        void Run(int threads)
        {
            int found = 0;
            for (int i = 0; i < threads; i++)
            {
                Thread thread = new(() => found += index.TryGet(IndexFolder.Key(1), out _) ? 1 : 0);
                thread.Start();
                thread.Join();
            }

            Assert.Equal(threads, found);
        }
    }

    [Fact]
    public async Task Checkpoint_ThenOpen_GivesEntriesAndCoverageBack()
    {
        using IndexFolder folder = new();
        byte[] note = [1, 2, 3];
        Dictionary<FileKey, RecordLocation> expected;
        using (FasterBlockIndex index = folder.Open(out byte[] none))
        {
            Assert.Empty(none);
            for (int i = 0; i < 50_000; i++)
            {
                index.Set(IndexFolder.Key(i), IndexFolder.Location(i), out _);
            }

            for (int i = 0; i < 10_000; i++)
            {
                index.TryRemove(IndexFolder.Key(i), IndexFolder.Location(i).Place);
            }

            expected = IndexFolder.Content(index);
            await index.CheckpointAsync(note, CancellationToken.None);
        }

        using FasterBlockIndex again = folder.Open(out byte[] coverage);
        Assert.Equal(note, coverage);
        Assert.Equal(40_000, again.Count);
        Assert.Equal(expected, IndexFolder.Content(again));
        Assert.Equal(IndexCheckpoint.HeaderBytes + 3 + (40_000 * IndexCheckpoint.EntryBytes), new FileInfo(Assert.Single(Directory.GetFiles(folder.Path))).Length);
    }

    [Fact]
    public async Task Checkpoint_DiskFailsOrEndsAtEachChange_LastOrNewOneIsFound()
    {
        int runs = 0;
        foreach (bool crash in (bool[])[false, true])
        {
            foreach (bool torn in (bool[])[false, true])
            {
                bool failed = true;
                for (int at = 1; failed; at++, runs++)
                {
                    using IndexFolder folder = new();
                    FaultyDeviceFiles faulty = new(new DeviceFiles()) { Error = crash ? CacheError.DeviceFailed : CacheError.DeviceFull };
                    FasterBlockIndex index = folder.Open(out _, faulty);
                    index.Set(IndexFolder.Key(1), IndexFolder.Location(1), out _);
                    await index.CheckpointAsync(new byte[] { 1 }, CancellationToken.None);
                    index.Set(IndexFolder.Key(2), IndexFolder.Location(2), out _);
                    long before = faulty.Changes;
                    (faulty.FailAt, faulty.IsCrash, faulty.IsTorn) = (before + at, crash, torn);
                    Exception? fault = await Record.ExceptionAsync(() => index.CheckpointAsync(new byte[] { 2 }, CancellationToken.None));
                    failed = faulty.Changes >= before + at;
                    Assert.True(fault is null || fault is CacheException { Error: CacheError.DeviceFull or CacheError.DeviceFailed }, fault?.ToString());
                    Assert.True(failed || fault is null);
                    if (!crash && failed)
                    {
                        // The next one is written as if nothing had been.
                        Assert.Equal(2, index.Count);
                        await index.CheckpointAsync(new byte[] { 3 }, CancellationToken.None);
                    }

                    using FasterBlockIndex again = folder.Open(out byte[] coverage);
                    Assert.Equal(!crash && failed ? 3 : fault is null ? 2 : 1, Assert.Single(coverage));
                    Assert.Equal(coverage[0] == 1 ? 1 : 2, again.Count);
                    Assert.True(again.TryGet(IndexFolder.Key(1), out RecordLocation location));
                    Assert.Equal(IndexFolder.Location(1), location);
                    Assert.Single(Directory.GetFiles(folder.Path));
                    index.Dispose();
                }
            }
        }

        Assert.True(runs > 20, $"{runs} runs");
    }

    [Fact]
    public async Task Open_AnyByteOfTheCheckpointWrong_StartsEmptyAndSetsItAside()
    {
        using IndexFolder folder = new();
        using (FasterBlockIndex index = folder.Open())
        {
            for (int i = 0; i < 3; i++)
            {
                index.Set(IndexFolder.Key(i), IndexFolder.Location(i), out _);
            }

            await index.CheckpointAsync(new byte[] { 1 }, CancellationToken.None);
        }

        byte[] good = await File.ReadAllBytesAsync(folder.Checkpoint);
        for (int i = 0; i <= good.Length; i++)
        {
            byte[] bad = [.. good];
            if (i < good.Length)
            {
                bad[i] ^= 0x10;
            }

            await File.WriteAllBytesAsync(folder.Checkpoint, i < good.Length ? bad : good[..^1]);
            using FasterBlockIndex index = folder.Open(out byte[] coverage);
            Assert.Empty(coverage);
            Assert.Equal(0, index.Count);
            Assert.Empty(IndexFolder.Content(index));
            Assert.Equal(IndexCheckpoint.AsideName, Path.GetFileName(Assert.Single(Directory.GetFiles(folder.Path))));
        }

        await File.WriteAllBytesAsync(folder.Checkpoint, good);
        using FasterBlockIndex last = folder.Open();
        Assert.Equal(3, last.Count);
    }

    [Fact]
    public void Open_CheckpointCannotBeRead_StartsEmpty()
    {
        using IndexFolder folder = new();
        File.WriteAllBytes(folder.Checkpoint, new byte[200]);
        using FasterBlockIndex index = folder.Open(out byte[] coverage, new FaultyDeviceFiles(new DeviceFiles()) { ReadsFail = true });
        Assert.Empty(coverage);
        Assert.Equal(0, index.Count);
    }

    [Fact]
    public async Task Checkpoint_OfOneEntry_HasTheDocumentedBytes()
    {
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        index.Set(
            new FileKey(0x0102030405060708, 0x1112131415161718),
            new RecordLocation { Place = 0x2122232425262728, Length = 0x31323334, Dataset = 0x41424344, Created = 0x51525354, Flags = 1 },
            out _);
        await index.CheckpointAsync(Encoding.ASCII.GetBytes("note"), CancellationToken.None);
        const string Behind = "6E6F7465" + "0807060504030201" + "1817161514131211" + "2827262524232221" + "34333231" + "44434241" + "54535251" + "01000000";
        string head = "6D6C702D62696478" + "01000000" + "28000000" + "0100000000000000" + "04000000"
            + Convert.ToHexString(BitConverter.GetBytes(Crc32C.AppendPortable(0, Convert.FromHexString(Behind)))) + new string('0', 2 * 28);
        string crc = Convert.ToHexString(BitConverter.GetBytes(Crc32C.AppendPortable(0, Convert.FromHexString(head))));
        Assert.Equal(head + crc + Behind, Convert.ToHexString(await File.ReadAllBytesAsync(folder.Checkpoint)));
    }

    [Fact]
    public async Task Checkpoint_Cancelled_LeavesTheLastOne()
    {
        using IndexFolder folder = new();
        using (FasterBlockIndex index = folder.Open())
        {
            index.Set(IndexFolder.Key(1), IndexFolder.Location(1), out _);
            await index.CheckpointAsync(new byte[] { 1 }, CancellationToken.None);
            using CancellationTokenSource cancel = new();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => index.CheckpointAsync(new byte[] { 2 }, cancel.Token));
        }

        using FasterBlockIndex again = folder.Open(out byte[] coverage);
        Assert.Equal(1, Assert.Single(coverage));
        Assert.Equal(1, again.Count);
    }

    [Fact]
    public void Use_AfterDispose_Throws()
    {
        using IndexFolder folder = new();
        FasterBlockIndex index = folder.Open();
        index.Set(IndexFolder.Key(1), IndexFolder.Location(1), out _);
        index.Dispose();
        index.Dispose();
        Assert.Throws<ObjectDisposedException>(() => index.TryGet(IndexFolder.Key(1), out _));
        Assert.Throws<ObjectDisposedException>(() => index.Set(IndexFolder.Key(1), IndexFolder.Location(1), out _));
        Assert.Throws<ObjectDisposedException>(() => index.ForEach((_, _) => true));
    }
}
