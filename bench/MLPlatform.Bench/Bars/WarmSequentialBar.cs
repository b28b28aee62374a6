using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>One large warm file read from end to end: passthrough and page cache, against the local disk's page cache.</summary>
internal static class WarmSequentialBar
{
    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        TreeSpec spec = new() { Shards = 1, ShardBytes = options.Size("size", "1GiB") };
        string tree = await DataCache.Default.GetAsync(spec);
        List<string> names = [.. spec.Enumerate().Select(file => file.Path)];
        Comparison.PrintHeader($"Warm sequential: one file of {options.Text("size", "1GiB")}, 1 MiB reads");
        foreach ((string profile, string bar) in new[] { ("shards", "≥ .95 × (passthrough)"), ("files", "≥ .45 × (cached)") })
        {
            string root = Directory.CreateTempSubdirectory("mlp-bench-").FullName;
            using MountProcess mount = MountProcess.Start(options.Mlp, root, tree, "--profile", profile);
            mount.WaitPinned();
            FileReading.ReadAll(tree, names, 1);
            FileReading.ReadAll(mount.Directory, names, 1);
            Comparison rate = new($"throughput, profile {profile}", "MiB/s");
            for (int pair = 0; pair < options.Pairs; pair++)
            {
                double floor = 0;
                double measured = 0;
                for (int turn = 0; turn < 2; turn++)
                {
                    if (turn == pair % 2)
                    {
                        (double wall, _, long bytes) = FileReading.ReadAll(tree, names, 1);
                        floor = bytes / wall / (1 << 20);
                    }
                    else
                    {
                        (double wall, _, long bytes) = FileReading.ReadAll(mount.Directory, names, 1);
                        measured = bytes / wall / (1 << 20);
                    }
                }

                rate.Add(floor, measured);
            }

            rate.Print(bar);
        }

        return 0;
    }
}
