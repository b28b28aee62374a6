using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Rows;

/// <summary>First reads: each through a new mount with an empty cache, against a raw client that throws the bytes away.</summary>
internal static class ColdRows
{
    /// <summary>Whole small files in random order, with as many raw connections as reading threads.</summary>
    /// <param name="bar">Text for the rate at a number of threads.</param>
    public static async Task SmallAsync(
        Contest table, BenchStore store, IReadOnlyList<Candidate> candidates, TreeSpec spec, int threads, int rounds, string bar)
    {
        List<string> names = Workloads.Names(spec);
        long bytes = Workloads.Bytes(spec);
        string at = $"{threads} threads";
        await Rounds.RunAsync(
            rounds,
            [
                async round =>
                {
                    RawResult raw = await store.Raw(Workloads.SmallBucket, threads).GetObjectsAsync(FileReading.Shuffled(names, round));
                    table.Floor($"cold small, {at}", "files/s", raw.ObjectsPerSecond, bar);
                    table.Floor($"daemon CPU, cold small, {at}", "ms per file", raw.CpuMillisecondsPerObject, threads == 1 ? "≤ .45 ms" : threads == 8 ? "≤ .30 ms" : "");
                },
                .. candidates.Select((candidate, column) => (Func<int, Task>)(round => Fresh(candidate, store, Workloads.SmallBucket, mount =>
                {
                    Cost cost = Cost.Of(mount, store, FileReading.Shuffled(names, round), threads, bytes);
                    table.Add($"cold small, {at}", "files/s", column, names.Count / cost.Wall);
                    table.Add($"daemon CPU, cold small, {at}", "ms per file", column, cost.DaemonCpu * 1000 / names.Count);
                    Common(table, $"small, {at}", column, cost, names.Count);
                }))),
            ]);
    }

    /// <summary>Large files from end to end, one per stream, against the best number of raw connections.</summary>
    public static async Task SequentialAsync(
        Contest table, BenchStore store, IReadOnlyList<Candidate> candidates, TreeSpec spec, int streams, int rounds, string bar)
    {
        List<TreeFile> files = [.. spec.Enumerate().Take(streams)];
        List<string> names = [.. files.Select(file => file.Path)];
        long bytes = files.Sum(file => file.Length);
        List<(string, long)> objects = [.. files.Select(file => (file.Path, file.Length))];
        int connections = await BestConnectionsAsync(store, objects);
        string at = $"{streams} streams";
        await Rounds.RunAsync(
            rounds,
            [
                async round =>
                {
                    RawResult raw = await store.Raw(Workloads.LargeBucket, connections).GetRangesAsync(objects);
                    table.Floor($"cold sequential, {at}", "MiB/s", raw.MiBPerSecond, bar);
                    table.Floor($"daemon CPU, cold sequential, {at}", "s per GiB", raw.CpuSecondsPerGiB, "≤ 1.0 s");
                },
                .. candidates.Select((candidate, column) => (Func<int, Task>)(round => Fresh(candidate, store, Workloads.LargeBucket, mount =>
                {
                    Cost cost = Cost.Of(mount, store, names, streams, bytes);
                    table.Add($"cold sequential, {at}", "MiB/s", column, cost.MiBPerSecond);
                    table.Add($"daemon CPU, cold sequential, {at}", "s per GiB", column, cost.DaemonCpu / bytes * (1 << 30));
                    Common(table, $"sequential, {at}", column, cost, 0);
                }))),
            ]);
    }

    private static void Common(Contest table, string at, int column, Cost cost, int files)
    {
        if (cost.Origin is { } origin)
        {
            table.Add($"origin bytes ÷ payload, {at}", "", column, (double)origin.Bytes / cost.Bytes, "1");
            if (files > 0)
            {
                table.Add($"GETs per file, {at}", "", column, (double)origin.Gets / files, "1");
            }
        }

        table.Add($"peak anonymous memory, {at}", "MiB", column, cost.PeakAnonymousBytes / 1048576.0, "budget + 64");
    }

    private static Task Fresh(Candidate candidate, BenchStore store, string bucket, Action<RunningMount> measure)
    {
        string root = Directory.CreateTempSubdirectory("mlp-bench-").FullName;
        try
        {
            using RunningMount mount = candidate.Mount(store, bucket, root, new MountLimits());
            measure(mount);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        return Task.CompletedTask;
    }

    private static async Task<int> BestConnectionsAsync(BenchStore store, IReadOnlyList<(string, long)> objects)
    {
        (int Connections, double Rate) best = default;
        foreach (int connections in (int[])[2, 4, 8, 16])
        {
            double rate = (await store.Raw(Workloads.LargeBucket, connections).GetRangesAsync(objects)).MiBPerSecond;
            best = rate > best.Rate ? (connections, rate) : best;
        }

        return best.Connections;
    }
}
