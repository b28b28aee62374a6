using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Rows;

/// <summary>
/// From the disk cache after SIGKILL and a new mount, nothing of it in the page cache, against the same files on the local disk, their pages dropped too.
/// ext4 keeps its directories and inodes in memory, which is a help to the floor.
/// </summary>
internal static class RestartRows
{
    /// <param name="threads">Numbers of reading threads, each a row of its own.</param>
    public static async Task RunAsync(
        Contest table, BenchStore store, IReadOnlyList<Candidate> candidates, string bucket, TreeSpec spec, IReadOnlyList<int> threads, int rounds, Func<int, string> bar)
    {
        bool isSmall = spec.Files > 0;
        string what = isSmall ? "small" : "large";
        string unit = isSmall ? "files/s" : "MiB/s";
        string tree = await DataCache.Default.GetAsync(spec);
        List<string> names = Workloads.Names(spec);
        long bytes = Workloads.Bytes(spec);
        string[] roots = [.. candidates.Select(_ => Directory.CreateTempSubdirectory("mlp-bench-").FullName)];
        try
        {
            for (int i = 0; i < candidates.Count; i++)
            {
                using RunningMount mount = candidates[i].Mount(store, bucket, roots[i], new MountLimits());
                Cost.Of(mount, store, names, isSmall ? 8 : 2, bytes);
                mount.Kill();
            }

            foreach (int count in threads)
            {
                string at = $"{what}, {count} threads";
                await Rounds.RunAsync(
                    rounds,
                    [
                        round =>
                        {
                            PageCache.Drop(tree);
                            Cost floor = Cost.OfLocal(tree, isSmall ? FileReading.Shuffled(names, round) : names, count);
                            table.Floor($"restart, {at}", unit, isSmall ? names.Count / floor.Wall : floor.MiBPerSecond, bar(count));
                            table.Floor($"device bytes ÷ payload, {at}", "", (double)floor.DeviceBytes / bytes, "≤ 1.05 ×");
                            return Task.CompletedTask;
                        },
                        .. candidates.Select((candidate, column) => (Func<int, Task>)(round =>
                        {
                            using RunningMount mount = candidate.Mount(store, bucket, roots[column], new MountLimits());
                            mount.Settle();
                            PageCache.Drop(candidate.CacheDirectory(roots[column]));
                            Cost cost = Cost.Of(mount, store, isSmall ? FileReading.Shuffled(names, round) : names, count, bytes);
                            mount.Kill();
                            table.Add($"restart, {at}", unit, column, isSmall ? names.Count / cost.Wall : cost.MiBPerSecond);
                            table.Add(
                                $"daemon CPU, restart, {at}", isSmall ? "ms per file" : "s per GiB", column, isSmall ? cost.DaemonCpu * 1000 / names.Count : cost.DaemonCpu / bytes * (1 << 30), isSmall ? "≤ .15 ms" : "");
                            table.Add($"device bytes ÷ payload, {at}", "", column, (double)cost.DeviceBytes / bytes);
                            if (cost.Origin is { } origin)
                            {
                                table.Add($"origin bytes ÷ payload, {at}", "", column, (double)origin.Bytes / bytes, "0");
                            }

                            return Task.CompletedTask;
                        })),
                    ]);
            }
        }
        finally
        {
            foreach (string root in roots)
            {
                Directory.Delete(root, recursive: true);
            }
        }
    }
}
