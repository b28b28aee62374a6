using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Rows;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>From the disk after SIGKILL and a new mount, page cache dropped, against ext4 with its page cache dropped.</summary>
internal static class RestartBar
{
    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        IReadOnlyList<Candidate> candidates = Candidate.Parse(options, "mlp");
        await using BenchStore store = await BenchStore.StartAsync(options.Text("store", "light"));
        TreeSpec small = Workloads.Small(options);
        TreeSpec large = Workloads.Large(options, store.Name);
        await store.AddAsync(Workloads.SmallBucket, small);
        await store.AddAsync(Workloads.LargeBucket, large);
        Contest table = new($"From the disk after a restart, page cache dropped ({store.Name})", [.. candidates.Select(c => c.Name)]);
        await RestartRows.RunAsync(table, store, candidates, Workloads.LargeBucket, large, [1], options.Pairs, _ => "≥ .9 ×");
        await RestartRows.RunAsync(table, store, candidates, Workloads.SmallBucket, small, [1, 8], options.Pairs, threads => threads == 1 ? "≥ .6 ×" : "≥ .9 ×");
        table.Print();
        return 0;
    }
}
