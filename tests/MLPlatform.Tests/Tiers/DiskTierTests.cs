using System.Diagnostics;
using MLPlatform.Core;
using MLPlatform.Tiers;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>Admission, room, devices that fail, datasets, restarts.</summary>
public sealed class DiskTierTests
{
    private const long MiB = 1 << 20;

    private static readonly byte[] s_large = SegmentFixture.ContentOf(9_000_000, (9 << 20) + 7);
    private static readonly uint[] s_checksums = SegmentFixture.ChecksumsOf(s_large);

    [Theory]
    [InlineData(20, 0.93, 0.68)]
    [InlineData(64, 0.95, 0.88)]
    [InlineData(256, 0.97, 0.96)]
    public async Task Admission_UntilFull_FillsTheCapacity_AndNoMore(int capacityMiB, double payloadOfDisk, double payloadOfCapacity)
    {
        await using TierFixture fixture = await new TierFixture(capacityMiB * MiB).OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        int offered = (int)(capacityMiB * MiB * 5 / 4 / TierFixture.Small);
        int admitted = 0;
        for (int id = 0; id < offered; id++)
        {
            admitted += await fixture.AddSmallAsync(id, dataset) ? 1 : 0;
            Assert.True(id % 50 != 0 || fixture.DiskBytes() <= capacityMiB * MiB, $"{fixture.DiskBytes()} bytes on disk after {id} files.");
        }

        DiskTierCounters counters = fixture.Tier.Counters;
        long payload = counters.CachedBytes["disk"];
        long disk = fixture.DiskBytes();
        Assert.Equal((admitted * (long)TierFixture.Small, 0L), (payload, counters.EvictedBytes));
        Assert.InRange(disk, 0, capacityMiB * MiB);
        Assert.True(payload >= payloadOfDisk * disk, $"{payload} bytes of payload take {disk}.");
        Assert.True(payload >= payloadOfCapacity * capacityMiB * MiB, $"{payload} bytes of payload in {capacityMiB} MiB.");
        Assert.Equal((offered - admitted) * (long)TierFixture.Small, counters.RejectedBytes);

        // Who is in stays in.
        for (int id = 0; id < admitted; id++)
        {
            Assert.Equal(ReadOutcome.Hit, fixture.ReadSmall(id));
        }

        fixture.AssertUsages();
    }

    [Fact]
    public async Task Admission_OfLargeAndSmallFilesTogether_StaysWithinTheCapacity()
    {
        const long Capacity = 64 * MiB;
        await using TierFixture fixture = await new TierFixture(Capacity).OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 60; i++)
            {
                int id = (worker * 1000) + i;
                if (worker % 2 == 0)
                {
                    await fixture.AddLargeAsync(id, dataset, s_large, s_checksums, i % 2 == 0 ? 0 : 128, 17);
                }
                else
                {
                    for (int file = 0; file < 10; file++)
                    {
                        await fixture.AddSmallAsync(100_000 + (id * 10) + file, dataset);
                    }
                }

                Assert.InRange(fixture.DiskBytes(), 0, Capacity);
            }
        })));
        Assert.True(fixture.Tier.Counters.RejectedBytes > 0);
        Assert.True(fixture.Tier.Counters.CachedBytes["disk"] > Capacity * 0.85, $"{fixture.Tier.Counters.CachedBytes["disk"]}");
        fixture.AssertUsages();
    }

    [Fact]
    public async Task Lru_WhenFull_EvictsTheLongestUnread_AndStaysWithinTheCapacity()
    {
        const long Capacity = 48 * MiB;
        await using TierFixture fixture = await new TierFixture(Capacity, eviction: EvictionKind.Lru).OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        int next = 0;
        long admitted = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            Random random = new(worker);
            for (int i = 0; i < 500; i++)
            {
                int id = Interlocked.Increment(ref next);

                // Twenty files that are always in use, and random ones, so that what leaves lies scattered.
                Assert.NotEqual(ReadOutcome.Corrupt, fixture.ReadSmall(1 + random.Next(20)));
                Assert.NotEqual(ReadOutcome.Corrupt, fixture.ReadSmall(1 + random.Next(id)));
                bool isIn = i % 10 == 9
                    ? await fixture.AddLargeAsync(1_000_000 + id, dataset, s_large, s_checksums, 60, 10)
                    : await fixture.AddSmallAsync(id, dataset);
                Interlocked.Add(ref admitted, isIn ? 1 : 0);
                if (!isIn)
                {
                    // As a reader does who has fetched what was refused: it goes on, and upkeep gets its turn.
                    await Task.Delay(5);
                }

                Assert.True(i % 10 != 0 || fixture.DiskBytes() <= Capacity, $"{fixture.DiskBytes()} bytes on disk.");
            }
        })));
        DiskTierCounters counters = fixture.Tier.Counters;
        Assert.True(counters.EvictedBytes > Capacity / 4, $"{counters.EvictedBytes} bytes evicted, {admitted} files admitted.");
        Assert.True(counters.CachedBytes["disk"] > Capacity / 2, $"{counters.CachedBytes["disk"]} bytes are left.");
        Assert.True(Enumerable.Range(1, 20).Count(id => fixture.ReadSmall(id) == ReadOutcome.Hit) >= 18);

        // What nobody reads any more makes room for ever.
        for (int id = 50_000; id < 50_000 + 600; id++)
        {
            bool isIn = false;
            for (int attempt = 0; attempt < 200 && !isIn; attempt++)
            {
                isIn = await fixture.AddSmallAsync(id, dataset);
                await Task.Delay(isIn ? 0 : 20);
            }

            Assert.True(isIn, $"File {id} found no room: {fixture.Tier.Counters}.");
            Assert.Equal(ReadOutcome.Hit, fixture.ReadSmall(id));
        }

        Assert.Equal(0, fixture.Tier.Counters.ChecksumFailures);
        fixture.AssertUsages();
    }

    [Fact]
    public async Task Uniform_WhenFull_LetsUnusedDatasetsGoFirst_AndNoOther()
    {
        await using TierFixture fixture = await new TierFixture(40 * MiB).OpenAsync();
        uint used = fixture.Tier.Use("used", null);
        uint left = fixture.Tier.Use("left", null);
        uint incoming = fixture.Tier.Use("incoming", null);
        int id = 0;
        int before = 0;
        for (; await fixture.AddSmallAsync(id, id % 2 == 0 ? used : left); id++)
        {
            before++;
        }

        Assert.False(await fixture.AddSmallAsync(90_000, incoming));
        fixture.Tier.Leave(left);
        int admitted = 0;
        await TierFixture.EventuallyAsync(
            () =>
            {
                admitted += fixture.AddSmallAsync(90_001 + admitted, incoming).GetAwaiter().GetResult() ? 1 : 0;
                return admitted >= before / 4;
            },
            "room comes from the dataset that nobody uses");
        for (int file = 0; file < before; file += 2)
        {
            Assert.Equal(ReadOutcome.Hit, fixture.ReadSmall(file));
        }

        Assert.InRange(fixture.DiskBytes(), 0, 40 * MiB);
        fixture.AssertUsages();
    }

    [Fact]
    public async Task Devices_OfWhichOneFails_GoOnWithTheOther_UntilItIsWellAgain()
    {
        await using TierFixture fixture = new(256 * MiB, devices: 2);
        BrokenDirectoryFiles files = new(fixture.DirectoryOf(0));
        fixture.Files = files;
        await fixture.OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        for (int id = 0; id < 200; id++)
        {
            Assert.True(await fixture.AddSmallAsync(id, dataset));
        }

        for (int id = 500; id < 504; id++)
        {
            Assert.True(await fixture.AddLargeAsync(id, dataset, s_large, s_checksums, 0, 20));
        }

        int[] first = [.. Enumerable.Range(0, 200).Where(static id => SegmentFixture.KeyOf(id).High % 2 == 0)];
        Assert.InRange(first.Length, 60, 140);
        Assert.InRange(fixture.DiskBytes(1), fixture.DiskBytes(0) / 3, fixture.DiskBytes(0) * 3);

        // Writes for the broken one go to the other, reads from it are misses, and it is told.
        files.IsBroken = true;
        for (int id = 1000; id < 1040; id++)
        {
            Assert.True(await fixture.AddSmallAsync(id, dataset));
            Assert.Equal(ReadOutcome.Hit, fixture.ReadSmall(id));
        }

        Assert.Contains("device0 is failed", Assert.Single(fixture.Tier.Counters.Problems), StringComparison.Ordinal);
        for (int id = 0; id < 200; id++)
        {
            Assert.Equal(first.Contains(id) ? ReadOutcome.Miss : ReadOutcome.Hit, fixture.ReadSmall(id));
        }

        Assert.True(await fixture.AddLargeAsync(500, dataset, s_large, s_checksums, 20, 20));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadLarge(500, s_large, 20 * 65_536, 65_536));

        // A probe of a disk that is still broken changes nothing; of one that is well, everything.
        fixture.Time.Advance(TimeSpan.FromSeconds(31));
        files.IsBroken = false;
        await TierFixture.EventuallyAsync(() => fixture.Tier.Counters.Problems.Count == 0, "the device is used again");
        for (int id = 0; id < 200; id++)
        {
            Assert.Equal(ReadOutcome.Hit, fixture.ReadSmall(id));
        }

        Assert.Equal(0, fixture.Tier.Counters.ChecksumFailures);
        fixture.AssertUsages();
    }

    [Fact]
    public async Task Space_TakenByOthers_IsGivenBack_AndUsedAgainWhenItIsFree()
    {
        await using TierFixture fixture = new(64 * MiB);
        BrokenDirectoryFiles files = new(fixture.DirectoryOf(0)) { FreeBytes = 10L << 30 };
        fixture.Files = files;
        fixture.Options = fixture.Options with { MinFreeBytes = 1L << 30 };
        await fixture.OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        for (int id = 0; id < 300; id++)
        {
            Assert.True(await fixture.AddSmallAsync(id, dataset));
        }

        // Sixteen MiB less than must stay free.
        files.FreeBytes = (1L << 30) - (16 * MiB);
        long before = fixture.DiskBytes();
        fixture.Time.Advance(TimeSpan.FromSeconds(6));
        await TierFixture.EventuallyAsync(
            () =>
            {
                long gone = before - fixture.DiskBytes();
                files.FreeBytes = (1L << 30) - (16 * MiB) + gone;
                return gone >= 15 * MiB;
            },
            "space is given back");
        files.FreeBytes = 1L << 30;
        fixture.Time.Advance(TimeSpan.FromSeconds(6));
        await TierFixture.EventuallyAsync(() => fixture.Tier.Counters.LimitBytes <= fixture.DiskBytes() + MiB, "the limit is what is there");
        Assert.False(await fixture.AddLargeAsync(777, dataset, s_large, s_checksums, 0, 64));
        files.FreeBytes = 10L << 30;
        fixture.Time.Advance(TimeSpan.FromSeconds(6));
        await TierFixture.EventuallyAsync(() => fixture.Tier.Counters.LimitBytes == 64 * MiB, "the space is noticed");
        Assert.True(await fixture.AddLargeAsync(777, dataset, s_large, s_checksums, 0, 64));
        fixture.AssertUsages();
    }

    [Fact]
    public async Task Quota_OfADataset_IsNeverExceeded()
    {
        await using TierFixture fixture = await new TierFixture(64 * MiB).OpenAsync();
        uint small = fixture.Tier.Use("small", 3 * MiB);
        uint other = fixture.Tier.Use("other", null);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 30; i++)
            {
                await fixture.AddSmallAsync((worker * 100) + i, small);
                Assert.InRange(fixture.Tier.Datasets.Single(d => d.Tag == small).Bytes, 0, 3 * MiB);
            }
        })));
        Assert.Equal(30 * (long)TierFixture.Small, fixture.Tier.Datasets.Single(d => d.Tag == small).Bytes);
        Assert.False(await fixture.AddLargeAsync(5000, small, s_large, s_checksums, 0, 2));
        Assert.True(await fixture.AddLargeAsync(5000, other, s_large, s_checksums, 0, 2));
        fixture.AssertUsages();
    }

    [Fact]
    public async Task TimeToLive_WhenOver_MakesMisses_AndGivesTheSpaceBack()
    {
        await using TierFixture fixture = new(64 * MiB);
        fixture.Options = fixture.Options with { TimeToLive = TimeSpan.FromHours(1) };
        await fixture.OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        Assert.True(await fixture.AddSmallAsync(1, dataset));
        Assert.True(await fixture.AddLargeAsync(2, dataset, s_large, s_checksums, 0, 20));
        fixture.Time.Advance(TimeSpan.FromMinutes(59));
        Assert.True(await fixture.AddSmallAsync(3, dataset));
        Assert.Equal((ReadOutcome.Hit, ReadOutcome.Hit), (fixture.ReadSmall(1), fixture.ReadLarge(2, s_large, 0, 1000)));
        fixture.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal((ReadOutcome.Miss, ReadOutcome.Miss, ReadOutcome.Hit), (fixture.ReadSmall(1), fixture.ReadLarge(2, s_large, 0, 1000), fixture.ReadSmall(3)));
        await TierFixture.EventuallyAsync(() => fixture.Tier.Counters.CachedBytes["disk"] == TierFixture.Small, "expired entries leave");
        Assert.True(await fixture.AddLargeAsync(2, dataset, s_large, s_checksums, 0, 3));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadLarge(2, s_large, 0, 1000));
        fixture.AssertUsages();
    }

    [Fact]
    public async Task Usages_AfterReplacementsDamageAndRestart_AreWhatIsThere()
    {
        await using TierFixture fixture = await new TierFixture(64 * MiB, eviction: EvictionKind.Lru).OpenAsync();
        uint a = fixture.Tier.Use("a", null);
        uint b = fixture.Tier.Use("b", null);
        for (int id = 0; id < 30; id++)
        {
            Assert.True(await fixture.AddSmallAsync(id, a));
        }

        // The same files by another dataset.
        for (int id = 0; id < 10; id++)
        {
            Assert.True(await fixture.AddSmallAsync(id, b));
        }

        Assert.True(await fixture.AddLargeAsync(100, a, s_large, s_checksums, 100, 45));
        fixture.AssertUsages();

        // Damage of a small and of a large file.
        foreach (string path in Directory.GetFiles(fixture.DirectoryOf(0), "*.seg", SearchOption.AllDirectories).Concat(Directory.GetFiles(fixture.DirectoryOf(0), "*.dat", SearchOption.AllDirectories)))
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            file.Position = path.EndsWith(".dat", StringComparison.Ordinal) ? 110 * 65_536 : 15L * 102_528;
            file.Write(new byte[5000]);
        }

        int corrupt = Enumerable.Range(0, 30).Count(id => fixture.ReadSmall(id) == ReadOutcome.Corrupt);
        Assert.InRange(corrupt, 1, 4);
        Assert.Equal(ReadOutcome.Corrupt, fixture.ReadLarge(100, s_large, 110 * 65_536, 100));
        Assert.Equal(corrupt + 1, fixture.Tier.Counters.ChecksumFailures);
        fixture.AssertUsages();
        long aBytes = fixture.Tier.Datasets.Single(d => d.Tag == a).Bytes;
        await fixture.ReopenAsync();
        fixture.AssertUsages();
        DatasetUsage known = fixture.Tier.Datasets.Single(d => d.Tag == a);
        Assert.Equal((aBytes, "a", 0, 1_700_000_000L), (known.Bytes, known.Name, known.Users, known.LastUse));
    }

    [Fact]
    public async Task Reopening_AfterACheckpoint_KeepsEverything()
    {
        await using TierFixture fixture = await new TierFixture(64 * MiB, devices: 2).OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        for (int id = 0; id < 100; id++)
        {
            Assert.True(await fixture.AddSmallAsync(id, dataset));
        }

        Assert.True(await fixture.AddLargeAsync(200, dataset, s_large, s_checksums, 0, s_checksums.Length));
        for (int restart = 0; restart < 2; restart++)
        {
            await fixture.ReopenAsync();
            Assert.All(Enumerable.Range(0, 100), id => Assert.Equal(ReadOutcome.Hit, fixture.ReadSmall(id)));
            Assert.Equal(ReadOutcome.Hit, fixture.ReadLarge(200, s_large, 0, s_large.Length));
            Assert.Equal(101, fixture.Tier.Counters.CachedFiles);
        }
    }

    [Fact]
    public async Task Directory_OfAnotherFormat_IsSetAside_AndNotRead()
    {
        await using TierFixture fixture = await new TierFixture(64 * MiB).OpenAsync();
        Assert.True(await fixture.AddSmallAsync(1, fixture.Tier.Use("a", null)));
        await fixture.Tier.DisposeAsync();
        string directory = fixture.DirectoryOf(0);
        await File.WriteAllTextAsync(Path.Combine(directory, "format"), $"mlp-cache 2\n{Guid.NewGuid()}\n");
        await fixture.OpenAsync();
        Assert.Equal(ReadOutcome.Miss, fixture.ReadSmall(1));
        Assert.DoesNotContain(fixture.Tier.Datasets, static d => d.Name == "a");
        string aside = Assert.Single(Directory.GetDirectories(directory, "set-aside-*"));
        Assert.StartsWith("mlp-cache 2", await File.ReadAllTextAsync(Path.Combine(aside, "format")), StringComparison.Ordinal);
        Assert.Equal(["datasets", "format", "index", "segments", "large"], Directory.GetFileSystemEntries(aside).Select(Path.GetFileName).Order(StringComparer.Ordinal).OrderBy(static n => n is "large" ? 9 : n is "segments" ? 8 : 0));
        Assert.True(await fixture.AddSmallAsync(1, fixture.Tier.Use("b", null)));
        Assert.Equal(ReadOutcome.Hit, fixture.ReadSmall(1));
    }

    [Fact]
    public async Task Directory_OwnedByAnotherProcess_IsBusy()
    {
        await using TierFixture fixture = new(64 * MiB);
        Directory.CreateDirectory(fixture.DirectoryOf(0));
        ProcessStartInfo start = new("flock", ["-n", Path.Combine(fixture.DirectoryOf(0), "lock"), "cat"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process owner = Process.Start(start)!;
        await owner.StandardInput.WriteLineAsync("here");
        await owner.StandardInput.FlushAsync();
        Assert.Equal("here", await owner.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)));
        CacheException busy = await Assert.ThrowsAsync<CacheException>(fixture.OpenAsync);
        Assert.Equal(CacheError.Busy, busy.Error);
        owner.StandardInput.Close();
        await owner.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        await fixture.OpenAsync();
        Assert.Equal(CacheError.Busy, Assert.Throws<CacheException>(() => DiskTier.Open(fixture.Options, new MemoryBudget(64 << 20), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System)).Error);
    }

    [Fact]
    public async Task Dispose_DuringLoad_HangsNothing_AndWhatComesLaterIsHarmless()
    {
        await using TierFixture fixture = await new TierFixture(256 * MiB).OpenAsync();
        uint dataset = fixture.Tier.Use("a", null);
        TaskCompletionSource busy = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int started = 0;
        Task[] load = [.. Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 100; i++)
            {
                int id = (worker * 1000) + i;
                _ = worker % 2 == 0 ? await fixture.AddSmallAsync(id, dataset) : await fixture.AddLargeAsync(id, dataset, s_large, s_checksums, 0, 3);
                Assert.NotEqual(ReadOutcome.Corrupt, fixture.ReadSmall(id));
                Assert.NotEqual(ReadOutcome.Corrupt, fixture.ReadLarge(id, s_large, 0, 1000));
                if (Interlocked.Increment(ref started) == 60)
                {
                    busy.SetResult();
                }
            }
        }))];
        await busy.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await fixture.Tier.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        await fixture.Tier.DisposeAsync();
        await Task.WhenAll(load).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(fixture.Tier.IsOpen);
        Assert.False(await fixture.AddSmallAsync(1, dataset));
        Assert.False(await fixture.AddLargeAsync(1001, dataset, s_large, s_checksums, 5, 3));
        Assert.Equal((ReadOutcome.Miss, ReadOutcome.Miss), (fixture.ReadSmall(0), fixture.ReadLarge(1000, s_large, 0, 1000)));
        fixture.Tier.Leave(dataset);
        Assert.Equal(0, Directory.GetFiles("/proc/self/fd").Count(link => new FileInfo(link).LinkTarget?.StartsWith(fixture.Root, StringComparison.Ordinal) == true));

        // The directory can be owned again, and what was written is there.
        await fixture.OpenAsync();
        fixture.AssertUsages();
        Assert.True(fixture.Tier.Counters.CachedFiles >= 30);
    }
}
