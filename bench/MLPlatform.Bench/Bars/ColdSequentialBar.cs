using System.Globalization;
using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Rows;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>Cold large files from end to end against a raw client that reads ranges in parallel: at a rate of 400 MiB/s, and at the store's full speed.</summary>
internal static class ColdSequentialBar
{
    private const long ShapedBytesPerSecond = 400L << 20;

    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        IReadOnlyList<Candidate> candidates = Candidate.Parse(options, "mlp,mlp-nocache");
        foreach (string name in options.Text("store", "light,radosgw").Split(','))
        {
            await using BenchStore store = await BenchStore.StartAsync(name);
            TreeSpec spec = Workloads.Large(options, name);
            await store.AddAsync(Workloads.LargeBucket, spec);
            foreach (string shape in options.Text("shape", name == "light" ? "shaped,unshaped" : "unshaped").Split(','))
            {
                bool shaped = shape == "shaped";
                if (shaped)
                {
                    await store.ShapeAsync(TimeSpan.Zero, ShapedBytesPerSecond);
                }
                else
                {
                    await store.UnshapeAsync();
                }

                Contest table = new(
                    $"Cold sequential, {name}, {(shaped ? "shaped to 400 MiB/s" : "unshaped")}: files of {spec.ShardBytes >> 20} MiB, 1 MiB reads", [.. candidates.Select(c => c.Name)]);
                foreach (int streams in options.Text("streams", "1,4").Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture)))
                {
                    await ColdRows.SequentialAsync(table, store, candidates, spec, streams, options.Pairs, shaped ? "≥ .95 ×" : name == "radosgw" ? "≥ .75 ×" : "≥ .5 ×");
                }

                table.Print();
            }
        }

        return 0;
    }
}
