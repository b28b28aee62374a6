using MLPlatform.Bench;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Eviction;
using Xunit;

namespace MLPlatform.Tests.Tiers;

public sealed class EvictionPolicyTests
{
    [Fact]
    public void Lru_AfterHits_GivesUpTheLeastRecentlyUsed()
    {
        LruPolicy lru = new();
        Admit(lru, 1, 2, 3);
        lru.OnHit(Entry(1));
        lru.OnHit(Entry(4));
        Assert.Equal([2, 3, 1], Victims(lru));
        Assert.Equal(0, lru.Count);
    }

    [Fact]
    public void Lru_AdmittedTwiceOrRemoved_IsUsedNowOrForgotten()
    {
        LruPolicy lru = new();
        Admit(lru, 1, 2, 3, 1);
        lru.OnRemoved(Entry(2));
        lru.OnRemoved(Entry(2));
        Assert.Equal(2, lru.Count);
        Assert.Equal([3, 1], Victims(lru));
    }

    [Fact]
    public void Lru_PinnedEntries_AreNeverVictims()
    {
        LruPolicy lru = new();
        lru.OnAdmitted(Entry(1), 1, isPinned: true);
        Admit(lru, 2, 3);
        lru.SetPinned(Entry(2), isPinned: true);
        lru.OnHit(Entry(1));
        Assert.Equal([3], Victims(lru));
        Assert.Equal(2, lru.Count);
        lru.SetPinned(Entry(2), isPinned: false);
        lru.SetPinned(Entry(1), isPinned: false);
        Assert.Equal([2, 1], Victims(lru));
    }

    [Fact]
    public void Lru_BlocksOfOneFile_AreEntriesOfTheirOwn()
    {
        LruPolicy lru = new();
        FileKey key = new(1, 2);
        for (int block = 0; block < 1000; block++)
        {
            lru.OnAdmitted(new CacheEntryId(key, block), 4 << 20, isPinned: false);
        }

        lru.OnHit(new CacheEntryId(key, 0));
        Assert.True(lru.TryPickVictim(out CacheEntryId victim));
        Assert.Equal(new CacheEntryId(key, 1), victim);
        Assert.Equal(999, lru.Count);
    }

    [Fact]
    public void Lru_ManyEntries_StaysBelow48BytesEachAndHitsAllocateNothing()
    {
        const int Entries = 200_000;
        LruPolicy lru = new();
        for (int i = 0; i < Entries; i++)
        {
            lru.OnAdmitted(Entry(i), 1, isPinned: false);
        }

        Assert.InRange(lru.MemoryBytes, 32 * Entries, 48 * Entries);
        lru.OnHit(Entry(0));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Entries; i++)
        {
            lru.OnHit(Entry(i));
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        // What leaves makes room for what comes.
        long full = lru.MemoryBytes;
        for (int i = 0; i < Entries; i++)
        {
            Assert.True(lru.TryPickVictim(out CacheEntryId victim));
            Assert.Equal(Entry(i), victim);
            lru.OnAdmitted(Entry(Entries + i), 1, isPinned: false);
        }

        Assert.Equal(full, lru.MemoryBytes);
    }

    [Fact]
    public async Task Lru_ManyThreads_LosesNoEntry()
    {
        const int Threads = 4;
        const int Each = 20_000;
        LruPolicy lru = new();
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            Random random = new(thread);
            for (int i = 0; i < Each; i++)
            {
                int mine = (i * Threads) + thread;
                lru.OnAdmitted(Entry(mine), 1, isPinned: i % 10 == 0);
                lru.OnHit(Entry(random.Next(Threads * Each)));
                if (i % 4 == 1)
                {
                    lru.OnRemoved(Entry(mine));
                }
            }
        })));
        HashSet<int> expected = [.. Enumerable.Range(0, Threads * Each).Where(entry => entry / Threads % 4 != 1 && entry / Threads % 10 != 0)];
        List<int> victims = Victims(lru);
        Assert.Equal(expected.Count, victims.Count);
        Assert.True(expected.SetEquals(victims));
        Assert.Equal(Threads * Each / 10, lru.Count);
    }

    [Fact]
    public void Uniform_FullTier_AdmitsNothingAndGivesNothingUp()
    {
        UniformPolicy uniform = new();
        Assert.True(uniform.Admits(Entry(1), 100, 100));
        Assert.False(uniform.Admits(Entry(1), 100, 99));
        Assert.False(uniform.Admits(Entry(1), 0, -1));
        uniform.OnAdmitted(Entry(1), 100, isPinned: false);
        Assert.False(uniform.TryPickVictim(out _));
        Assert.Equal(0, uniform.MemoryBytes);
    }

    /// <summary>LRU over independent random epochs hits c + (1 - c) ln(1 - c) of the reads.</summary>
    [Theory]
    [InlineData(.25, .034)]
    [InlineData(.5, .153)]
    [InlineData(.75, .403)]
    [InlineData(.9, .670)]
    public void Lru_ShuffledEpochs_HitsWhatTheorySays(double share, double expected)
    {
        EvictionSimulator simulator = new(new LruPolicy(), items: 4000, capacity: (int)(share * 4000), new Random(1));
        double ratio = simulator.HitRatio(warmUp: 3, epochs: 30);
        Assert.InRange(ratio, expected - .005, expected + .005);
        Assert.Equal((int)(share * 4000), simulator.Cached);
    }

    [Theory]
    [InlineData(.1)]
    [InlineData(.5)]
    [InlineData(.9)]
    public void Uniform_ShuffledEpochs_HitsTheCachedShare(double share)
    {
        EvictionSimulator simulator = new(new UniformPolicy(), items: 2000, capacity: (int)(share * 2000), new Random(1));
        Assert.InRange(simulator.HitRatio(warmUp: 1, epochs: 5), share - .005, share + .005);
    }

    private static CacheEntryId Entry(int i) => new(new FileKey((ulong)i, 5), 0);

    private static void Admit(LruPolicy lru, params int[] entries)
    {
        foreach (int entry in entries)
        {
            lru.OnAdmitted(Entry(entry), 1, isPinned: false);
        }
    }

    private static List<int> Victims(LruPolicy lru)
    {
        List<int> victims = [];
        while (lru.TryPickVictim(out CacheEntryId victim))
        {
            victims.Add((int)victim.Key.High);
        }

        return victims;
    }
}
