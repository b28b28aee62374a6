using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Rows;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>The rows of the cache for this program, rclone and s3fs, measured by one script in one run, side by side with the floor.</summary>
internal static class PeersBar
{
    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        IReadOnlyList<Candidate> candidates = Candidate.Parse(options, "mlp,rclone,s3fs");
        string[] columns = [.. candidates.Select(c => c.Name)];
        int rounds = options.Number("pairs", options.IsQuick ? 1 : 5);
        foreach (string name in options.Text("store", "light,radosgw").Split(','))
        {
            await using BenchStore store = await BenchStore.StartAsync(name);
            TreeSpec small = Workloads.Small(options);
            TreeSpec large = Workloads.Large(options, name);
            await store.AddAsync(Workloads.SmallBucket, small);
            await store.AddAsync(Workloads.LargeBucket, large);
            List<Candidate> cached = [.. candidates.Where(c => c.HasDiskCache)];
            foreach (string part in options.Text("rows", "cold,restart,warm").Split(','))
            {
                Contest table = new($"{part}, {name}", part == "restart" ? [.. cached.Select(c => c.Name)] : columns);
                switch (part)
                {
                    case "cold":
                        foreach (int threads in (int[])[1, 8, 16])
                        {
                            await ColdRows.SmallAsync(table, store, candidates, small, threads, rounds, "");
                        }

                        foreach (int streams in (int[])[1, 4])
                        {
                            await ColdRows.SequentialAsync(table, store, candidates, large, streams, rounds, "");
                        }

                        break;
                    case "restart":
                        await RestartRows.RunAsync(table, store, cached, Workloads.LargeBucket, large, [1], rounds, _ => "");
                        await RestartRows.RunAsync(table, store, cached, Workloads.SmallBucket, small, [1, 8], rounds, _ => "");
                        break;
                    case "warm":
                        await WarmRows.RunAsync(table, store, candidates, Workloads.SmallBucket, small, [1, 8, 16], rounds);
                        await WarmRows.RunAsync(table, store, candidates, Workloads.LargeBucket, large, [1, 4], rounds);
                        break;
                    default:
                        throw new ArgumentException($"--rows: {part} is unknown; there are cold, restart and warm");
                }

                table.Print();
            }
        }

        return 0;
    }
}
