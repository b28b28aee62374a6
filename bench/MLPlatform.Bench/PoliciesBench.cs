using System.Diagnostics;
using System.Globalization;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Eviction;

namespace MLPlatform.Bench;

/// <summary>Hit ratios of the eviction policies over shuffled epochs beside what theory says, and what a hit costs. <c>--items N --epochs N</c>.</summary>
internal static class PoliciesBench
{
    private static readonly double[] s_shares = [.1, .25, .5, .75, .9];

    public static Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        int items = options.Number("items", 20_000);
        int epochs = options.Number("epochs", 20);
        Console.WriteLine($"| policy | {string.Join(" | ", s_shares.Select(c => string.Create(CultureInfo.InvariantCulture, $"c={c:.##}")))} |");
        Console.WriteLine($"|---|{string.Concat(Enumerable.Repeat("---|", s_shares.Length))}");
        Print("lru", c => Simulate(new LruPolicy(), items, c, epochs));
        Print("lru, theory", c => c + ((1 - c) * Math.Log(1 - c)));
        Print("uniform", c => Simulate(new UniformPolicy(), items, c, epochs));
        Print("uniform, theory", c => c);
        Cost(options.Number("entries", 1_000_000));
        return Task.FromResult(0);
    }

    private static double Simulate(IEvictionPolicy policy, int items, double c, int epochs) =>
        new EvictionSimulator(policy, items, (int)Math.Round(c * items), new Random(1)).HitRatio(warmUp: 3, epochs);

    private static void Cost(int entries)
    {
        LruPolicy lru = new();
        CacheEntryId[] ids = [.. Enumerable.Range(0, entries).Select(i => new CacheEntryId(new FileKey((ulong)i, 1), 0))];
        Stopwatch clock = Stopwatch.StartNew();
        double worst = 0;
        foreach (CacheEntryId id in ids)
        {
            double before = clock.Elapsed.TotalMicroseconds;
            lru.OnAdmitted(id, 100_000, isPinned: false);
            worst = Math.Max(worst, clock.Elapsed.TotalMicroseconds - before);
        }

        new Random(1).Shuffle(ids);
        clock.Restart();
        foreach (CacheEntryId id in ids)
        {
            lru.OnHit(id);
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"\nlru, {entries} entries: {(double)lru.MemoryBytes / entries:0.0} B per entry, {clock.Elapsed.TotalNanoseconds / entries:0} ns per hit in random order, slowest admission {worst:0} us"));
    }

    private static void Print(string name, Func<double, double> ratio) =>
        Console.WriteLine($"| {name} | {string.Join(" | ", s_shares.Select(c => ratio(c).ToString(".000", CultureInfo.InvariantCulture)))} |");
}
