using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>Warm small files in random order: CPU of reader and server per file, against the same files on the local disk, both from the page cache.</summary>
internal static class WarmSmallBar
{
    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        TreeSpec spec = new() { Files = options.Number("files", 10_000), Classes = 100, MedianBytes = 100 << 10, Sigma = 0.3, MinBytes = 60 << 10, MaxBytes = 140 << 10 };
        string tree = await DataCache.Default.GetAsync(spec);
        List<string> names = [.. spec.Enumerate().Select(file => file.Path)];
        string root = Directory.CreateTempSubdirectory("mlp-bench-").FullName;
        using MountProcess mount = MountProcess.Start(options.Mlp, root, tree, "--profile", "files");
        mount.WaitPinned();
        FileReading.ReadAll(tree, names, 4);
        FileReading.ReadAll(mount.Directory, names, 4);
        Comparison.PrintHeader($"Warm small files: {spec.Files} of about 100 KiB, random order");
        foreach (int threads in new[] { 1, 8 })
        {
            Comparison cpu = new($"CPU per file, {threads} threads", "µs");
            Comparison rate = new($"files per second, {threads} threads", "k/s");
            for (int pair = 0; pair < options.Pairs; pair++)
            {
                List<string> order = FileReading.Shuffled(names, pair);
                (double Wall, double Cpu) floor = default;
                (double Wall, double Cpu) measured = default;
                for (int turn = 0; turn < 2; turn++)
                {
                    if (turn == pair % 2)
                    {
                        (floor.Wall, floor.Cpu, _) = FileReading.ReadAll(tree, order, threads);
                    }
                    else
                    {
                        double before = mount.CpuSeconds;
                        (measured.Wall, measured.Cpu, _) = FileReading.ReadAll(mount.Directory, order, threads);
                        measured.Cpu += mount.CpuSeconds - before;
                    }
                }

                cpu.Add(floor.Cpu * 1e6 / names.Count, measured.Cpu * 1e6 / names.Count);
                rate.Add(names.Count / floor.Wall / 1000, names.Count / measured.Wall / 1000);
            }

            cpu.Print("≤ 1.2 ×");
            rate.Print("");
        }

        return 0;
    }
}
