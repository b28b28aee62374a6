using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Bench;

/// <summary>The index of small files: memory per entry, look-ups per second, checkpoint, recovery, and what is left of a churn. <c>--entries N --directory DIR</c>.</summary>
internal static class IndexBench
{
    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        int entries = options.Number("entries", 1_000_000);
        string directory = options.Text("directory", Path.Combine(Path.GetTempPath(), $"mlp-bench-index-{Environment.ProcessId}"));
        FileKey[] keys = new FileKey[entries];
        Random random = new(1);
        for (int i = 0; i < entries; i++)
        {
            keys[i] = new FileKey((ulong)random.NextInt64(), (ulong)random.NextInt64());
        }

        FileKey[] asked = [.. keys];
        random.Shuffle(asked);
        DeviceFiles files = new();
        try
        {
            FasterBlockIndex index = FasterBlockIndex.Open(files, directory, NullLogger.Instance, out _);
            Stopwatch clock = Stopwatch.StartNew();
            for (int i = 0; i < entries; i++)
            {
                index.Set(keys[i], Location(i), out _);
            }

            await index.Rebuilding;
            Print("set", $"{entries / clock.Elapsed.TotalSeconds / 1e6:0.00} M/s, {index.Rebuilds} rebuilds");
            Print("memory", $"{(double)index.MemoryBytes / entries:0.0} B per entry");
            foreach (int threads in (int[])[1, 2])
            {
                double seconds = Enumerable.Range(0, 3).Min(_ => LookUp(index, asked, threads));
                Print($"look-ups, {threads} thread{(threads > 1 ? "s" : "")}", $"{(double)entries * threads / seconds / 1e6:0.00} M/s");
            }

            clock.Restart();
            await index.CheckpointAsync(RandomNumberGenerator.GetBytes(256), CancellationToken.None);
            long bytes = new FileInfo(Path.Combine(directory, IndexCheckpoint.FileName)).Length;
            Print("checkpoint", $"{clock.Elapsed.TotalMilliseconds:0} ms, {(double)bytes / entries:0.0} B per entry");
            index.Dispose();
            List<double> openings = [];
            for (int i = 0; i < 3; i++)
            {
                clock.Restart();
                index = FasterBlockIndex.Open(files, directory, NullLogger.Instance, out _);
                openings.Add(clock.Elapsed.TotalMilliseconds);
                if (index.Count != entries)
                {
                    throw new InvalidOperationException($"{index.Count} of {entries} entries came back");
                }

                if (i < 2)
                {
                    index.Dispose();
                }
            }

            Print("recovery", $"{openings.Min():0} ms (at most {openings.Max():0}), {(double)index.MemoryBytes / entries:0.0} B per entry");
            clock.Restart();
            long peak = 0;
            for (int i = 0; i < 4 * entries; i++)
            {
                // The oldest leaves, a new one comes.
                FileKey key = keys[i % entries];
                index.TryRemove(key, Location(i).Place);
                keys[i % entries] = key with { Low = key.Low + 1 };
                index.Set(keys[i % entries], Location(entries + i), out _);
                if ((i & 4095) == 0)
                {
                    peak = Math.Max(peak, index.MemoryBytes);
                }
            }

            double churn = clock.Elapsed.TotalSeconds;
            await index.Rebuilding;
            Print("churn of four times the entries", $"{4 * entries / churn / 1e6:0.00} M pairs/s, {index.Rebuilds} rebuilds, {(double)peak / entries:0} B per entry at most, {index.Count} entries left");
            index.Dispose();
        }
        finally
        {
            if (options.Text("directory", "").Length == 0 && Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
        }

        return 0;
    }

    private static RecordLocation Location(long i) => new() { Place = (ulong)(i + 1), Length = 100_000 };

    private static double LookUp(FasterBlockIndex index, FileKey[] asked, int threads)
    {
        long missed = 0;
        Stopwatch clock = Stopwatch.StartNew();
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            long mine = 0;
            foreach (FileKey key in asked)
            {
                mine += index.TryGet(key, out RecordLocation _) ? 0 : 1;
            }

            Interlocked.Add(ref missed, mine);
        }))];
        foreach (Thread worker in workers)
        {
            worker.Start();
        }

        foreach (Thread worker in workers)
        {
            worker.Join();
        }

        return missed == 0 ? clock.Elapsed.TotalSeconds : throw new InvalidOperationException($"{missed} look-ups missed");
    }

    private static void Print(string what, string value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {value} |"));
}
