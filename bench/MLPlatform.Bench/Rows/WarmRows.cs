using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Rows;

/// <summary>Files that the same mount has read before, against the same files on the local disk, both from the page cache.</summary>
internal static class WarmRows
{
    public static async Task RunAsync(
        Contest table, BenchStore store, IReadOnlyList<Candidate> candidates, string bucket, TreeSpec spec, IReadOnlyList<int> threads, int rounds)
    {
        bool isSmall = spec.Files > 0;
        string what = isSmall ? "small" : "large";
        string unit = isSmall ? "files/s" : "MiB/s";
        string tree = await DataCache.Default.GetAsync(spec);
        List<string> names = Workloads.Names(spec);
        long bytes = Workloads.Bytes(spec);
        List<RunningMount> mounts = [];
        string[] roots = [.. candidates.Select(_ => Directory.CreateTempSubdirectory("mlp-bench-").FullName)];
        try
        {
            for (int i = 0; i < candidates.Count; i++)
            {
                mounts.Add(candidates[i].Mount(store, bucket, roots[i], new MountLimits()));
                Cost.Of(mounts[i], store, names, isSmall ? 8 : 2, bytes);
            }

            foreach (int count in threads)
            {
                string at = $"{what}, {count} threads";
                await Rounds.RunAsync(
                    rounds,
                    [
                        round =>
                        {
                            FileReading.ReadAll(tree, names, 4);
                            Cost floor = Cost.OfLocal(tree, isSmall ? FileReading.Shuffled(names, round) : names, count);
                            table.Floor($"warm, {at}", unit, isSmall ? names.Count / floor.Wall : floor.MiBPerSecond);
                            return Task.CompletedTask;
                        },
                        .. candidates.Select((candidate, column) => (Func<int, Task>)(round =>
                        {
                            // The kernel takes back clean pages that nobody used for some seconds: each turn warms its own.
                            FileReading.ReadAll(mounts[column].Directory, names, 4);
                            Cost cost = Cost.Of(mounts[column], store, isSmall ? FileReading.Shuffled(names, round) : names, count, bytes);
                            table.Add($"warm, {at}", unit, column, isSmall ? names.Count / cost.Wall : cost.MiBPerSecond);
                            if (cost.Origin is { } origin)
                            {
                                table.Add($"origin bytes ÷ payload, warm, {at}", "", column, (double)origin.Bytes / bytes, "0");
                            }

                            return Task.CompletedTask;
                        })),
                    ]);
            }
        }
        finally
        {
            mounts.ForEach(mount => mount.Dispose());
            foreach (string root in roots)
            {
                Directory.Delete(root, recursive: true);
            }
        }
    }
}
