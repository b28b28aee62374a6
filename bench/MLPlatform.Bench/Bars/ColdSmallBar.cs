using System.Globalization;
using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Rows;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>Cold small files against a raw client with the same connections: behind a round trip of 20 ms, and at the store's full speed.</summary>
internal static class ColdSmallBar
{
    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        IReadOnlyList<Candidate> candidates = Candidate.Parse(options, "mlp,mlp-nocache");
        foreach (string name in options.Text("store", "light,radosgw").Split(','))
        {
            await using BenchStore store = await BenchStore.StartAsync(name);
            TreeSpec spec = Workloads.Small(options);
            await store.AddAsync(Workloads.SmallBucket, spec);
            foreach (string shape in options.Text("shape", "shaped,unshaped").Split(','))
            {
                bool shaped = shape == "shaped";
                if (shaped)
                {
                    await store.ShapeAsync(TimeSpan.FromMilliseconds(20), 0);
                }
                else
                {
                    await store.UnshapeAsync();
                }

                Contest table = new($"Cold small files, {name}, {(shaped ? "round trip of 20 ms" : "unshaped")}: {spec.Files} of about 100 KiB", [.. candidates.Select(c => c.Name)]);

                // One thread behind 20 ms is 50 files a second, whoever asks.
                foreach (int threads in options.Text("threads", shaped ? "8,16" : "1,8,16").Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture)))
                {
                    await ColdRows.SmallAsync(table, store, candidates, spec, threads, options.Pairs, shaped ? "≥ .95 ×" : threads == 1 ? "" : name == "radosgw" ? "≥ .75 ×" : "≥ .5 ×");
                }

                table.Print();
            }
        }

        return 0;
    }
}
