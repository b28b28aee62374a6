using CsCheck;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Client;

/// <summary>
/// Many tasks read at random from a reader with a random budget over a random store: every byte is right, every read ends, a
/// failure is one that was injected, and nothing is left at the end.
/// </summary>
public sealed class FileReaderProperties
{
    private const int MiB = 1 << 20;

    private static readonly int s_iterations = Environment.GetEnvironmentVariable("MLP_TEST_FULL") == "1" ? 100 : 4;

    [Fact]
    public async Task Reads_AnyMixAnyBudgetAnyFaults_AreRightOrFailAsInjected() =>
        await Gen.Int.SampleAsync(seed => RunAsync(seed, faults: 0.15), iter: s_iterations, threads: 1);

    [Fact]
    public async Task Reads_TinyBudgetManyReaders_NeverLockEachOtherOut() =>
        await Gen.Int.SampleAsync(seed => RunAsync(seed, faults: 0, budget: 2 * MiB), iter: s_iterations, threads: 1);

    private static async Task RunAsync(int seed, double faults, long budget = 0)
    {
        Random random = new(seed);
        if (budget == 0)
        {
            budget = random.NextInt64(2 * MiB, 96 * MiB);
        }

        MemoryStore store = new() { ReadsAreGuarded = random.Next(3) != 0, SuggestedParallelism = random.Next(1, 20) };
        ulong replaced = faults > 0 && random.Next(2) == 0 ? 3UL : 0;
        FaultySource source = new(new UnderStoreSource(), random.Next(), faults) { ReplacedInode = replaced };
        ReaderOptions options = new()
        {
            ReadTimeout = TimeSpan.FromHours(10), // The clock below runs wild; only what waits for memory or the store may end.
            IdleTimeout = TimeSpan.FromSeconds(5),
            MaxFiles = 1024,
            PartBytes = MiB << random.Next(4),
        };
        FileVersion[] files = [.. Enumerable.Range(1, 12).Select(inode => store.File((ulong)inode, random.Next(4) switch
        {
            0 => random.Next(0, 5000),
            1 => random.Next(MiB),
            _ => random.Next(40 * MiB),
        }))];
        await using ReaderFixture fixture = new(store, budget, options, source);
        Task[] readers = [.. Enumerable.Range(0, random.Next(4, 24)).Select(_ =>
        {
            int own = random.Next();
            return Task.Run(() => ReadAlongAsync(fixture, files, new Random(own), faults > 0, replaced));
        })];
        Task all = Task.WhenAll(readers);
        while (!all.IsCompleted)
        {
            fixture.Clock.Advance(TimeSpan.FromMilliseconds(random.Next(2000)));
            fixture.Reader.Close((ulong)random.Next(1, 13));
            await Task.WhenAny(all, Task.Delay(1));
        }

        await all;
        source.IsHealed = true;
        foreach (FileVersion file in files)
        {
            if (file.Inode != replaced)
            {
                await fixture.CheckAsync(file, file.Object.Size / 2, MiB);
            }
        }

        ReaderCounters counters = fixture.Reader.Counters;
        Assert.Equal(0, counters.PendingReads);
        Assert.Equal(counters.ReadBytes, counters.HitBytes + counters.MissBytes);
        Assert.InRange(counters.PrefetchWastedBytes, 0, counters.PrefetchBytes);
        Assert.InRange(fixture.Budget.PeakBytes, 0, budget);
    }

    private static async Task ReadAlongAsync(ReaderFixture fixture, FileVersion[] files, Random random, bool mayFail, ulong replaced)
    {
        for (int walk = 0; walk < 6; walk++)
        {
            FileVersion file = files[random.Next(files.Length)];
            long size = Math.Max(1, file.Object.Size);
            int count = random.Next(3) switch { 0 => random.Next(1, 10_000), 1 => 128 << 10, _ => random.Next(1, MiB) };
            (long offset, long step) = random.Next(5) switch
            {
                0 => (0L, (long)count),
                1 => (random.NextInt64(size), (long)count),
                2 => (random.NextInt64(size), (long)count * random.Next(2, 6)),
                3 => (size - 1, -(long)count),
                _ => (-1L, 0L),
            };
            int reads = random.Next(1, 40);
            for (int i = 0; i < reads; i++, offset += step)
            {
                long at = step == 0 ? random.NextInt64(size) : offset;
                if (at < 0 || at > size + MiB)
                {
                    break;
                }

                await ReadOnceAsync(fixture, file, at, count, random, mayFail, replaced);
            }
        }
    }

    private static async Task ReadOnceAsync(ReaderFixture fixture, FileVersion file, long offset, int count, Random random, bool mayFail, ulong replaced)
    {
        using CancellationTokenSource cancel = new();
        bool isCancelled = random.Next(12) == 0;
        try
        {
            Task<ReadLease> read = fixture.ReadAsync(file, offset, count, cancel.Token);
            if (isCancelled)
            {
                if (random.Next(2) == 0)
                {
                    await Task.Yield();
                }

                await cancel.CancelAsync();
            }

            using ReadLease lease = await read;
            Assert.Equal(Math.Clamp(file.Object.Size - offset, 0, count), lease.Length);
            Assert.True(lease.Length == 0 || file.Inode != replaced);
            if (random.Next(4) == 0)
            {
                await Task.Yield(); // The kernel takes its time to reply.
            }

            Content.Check(file.Inode, offset, lease);
        }
        catch (OperationCanceledException) when (isCancelled)
        {
        }
        catch (CacheException e) when (mayFail)
        {
            Assert.True(
                e.Error is CacheError.Throttled or CacheError.Unreachable || (e.Error == CacheError.VersionChanged && file.Inode == replaced),
                e.ToString());
        }
    }
}
