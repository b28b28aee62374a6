using System.Globalization;
using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Stores;

namespace MLPlatform.Bench.Soak;

/// <summary>
/// Readers that compare every byte, on a mount whose store misbehaves, whose cache rots and whose server is killed. Ends with 0 only when no byte was
/// wrong, no read failed but under a dead server, nothing hung, and descriptors, memory and disk stayed within their bounds.
/// </summary>
internal static class SoakVerb
{
    private const string Bucket = "soak";

    // A read that waits for the store has a minute.
    private static readonly TimeSpan s_lastReads = TimeSpan.FromSeconds(150);

    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        SoakPlan plan = SoakPlan.From(options);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"soak: {plan.Duration.TotalMinutes:0.0} minutes, {plan.Threads} threads, {plan.Data.Files} small and {plan.Data.Shards} large files, cache {plan.CacheBytes >> 20} MiB, --seed {plan.Seed}"));
        string root = Directory.CreateTempSubdirectory("mlp-soak-").FullName;
        SoakTally tally = new();
        SoakReaders readers = new(plan, tally);
        MlpCandidate candidate = new(options, hasDiskCache: true);
        string cache = candidate.CacheDirectory(root);
        SoakWatch watch = new(plan, tally, readers, cache);
        await using LightStore store = await LightStore.StartAsync();
        await store.AddAsync(Bucket, plan.Data);
        await store.ShapeAsync(TimeSpan.Zero, 0);
        SoakFaults faults = new(plan, tally, store.Proxy!, cache);
        using CancellationTokenSource stop = new();
        Task reading = readers.RunAsync();
        Task troubling = faults.TroubleStoreAsync(stop.Token);
        Task damaging = faults.DamageCacheAsync(stop.Token);
        Random random = new(plan.Seed + 2);
        try
        {
            for (int life = 0; life <= plan.Kills; life++)
            {
                // lru makes the cache turn over, which is where cleaning and punching happen; uniform must come to rest.
                using RunningMount mount = candidate.Mount(
                    store, Bucket, root, new MountLimits(plan.CacheBytes, life % 2 == 0 ? "lru" : "uniform", plan.MemoryBytes, NoPassthrough: true));
                readers.Use(mount.Directory);
                await watch.RunAsync(mount, plan.Duration / (plan.Kills + 1));
                Report(mount, tally, life);
                if (life < plan.Kills)
                {
                    readers.Use(null);
                    mount.Kill();
                    faults.Damage(random, 32);
                    continue;
                }

                await stop.CancelAsync();
                await Task.WhenAll(troubling, damaging);
                readers.Stop();
                await EndAsync(reading, readers, tally);
            }
        }
        finally
        {
            readers.Stop();
            await stop.CancelAsync();
        }

        foreach ((long reads, int thread) in readers.Progress.Select((reads, thread) => (reads, thread)))
        {
            if (reads == 0)
            {
                tally.Report($"Thread {thread} never ended a read.");
            }
        }

        Directory.Delete(root, recursive: true);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{tally.Reads} reads, {tally.Bytes / 1e9:0.0} GB compared; {tally.Faults} requests troubled, {tally.Damages} places of the cache damaged, {plan.Kills} kills, {tally.Excused} reads lost to them"));
        Console.WriteLine($"most: {watch.PeakAnonymousBytes >> 20} MiB anonymous, {watch.PeakDiskBytes >> 20} MiB on disk, {watch.PeakDescriptors} descriptors");
        Console.WriteLine(tally.Problems.Count == 0 ? "soak: no wrong byte, nothing hung, nothing grew" : $"soak: {tally.Problems.Count} problems");
        return tally.Problems.Count == 0 && tally.Reads > 0 && tally.Damages > 0 && tally.Faults > 0 ? 0 : 1;
    }

    private static async Task EndAsync(Task reading, SoakReaders readers, SoakTally tally)
    {
        try
        {
            await reading.WaitAsync(s_lastReads);
        }
        catch (TimeoutException)
        {
            tally.Report($"Readers hang at the end: {readers.Slowest.What}");
        }
    }

    private static void Report(RunningMount mount, SoakTally tally, int life)
    {
        try
        {
            StatsFile stats = StatsFile.Read(mount.Directory);
            Console.WriteLine(
                $"life {life + 1}: {tally.Reads} reads so far; cached {stats.Sum("cached_bytes") >> 20} MiB, evicted {stats.Sum("evicted_bytes") >> 20} MiB, checksum failures {stats.Sum("checksum_failures")}, "
                + $"hits {stats.Sum("hit_bytes") >> 20} MiB, origin {stats.Sum("origin_bytes") >> 20} MiB, retries {stats.Sum("origin_retries")}");
        }
        catch (IOException e)
        {
            tally.Report($".mlp/stats cannot be read: {e.Message}");
        }
    }
}
