using System.Diagnostics;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary><c>find -type f</c> over 20,000 keys of a raw source: cold, mount included, against listing the keys by a raw client; warm against the local disk.</summary>
internal static class FindBar
{
    private const string Bucket = "find";

    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        int directories = options.Number("directories", 200);
        int files = options.Number("files", 20_000) / directories;
        SyntheticSource source = new(Bucket, directories, files, objectBytes: 100 << 10);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        RawClient raw = new(new RawClientOptions { Endpoint = origin.Endpoint, Bucket = Bucket, Connections = 1 });
        string local = MakeLocal(source);
        Comparison.PrintHeader($"find over {source.Count} keys in {directories} prefixes (light origin)");
        Comparison cold = new("cold: mount and find / raw LIST", "ms");
        Comparison coldFind = new("cold: find alone / raw LIST", "ms");
        Comparison warm = new("warm / ext4", "ms");
        for (int pair = 0; pair < options.Pairs; pair++)
        {
            RawResult list = await raw.ListAsync();
            string root = Directory.CreateTempSubdirectory("mlp-bench-").FullName;
            using MountProcess mount = MountProcess.Start(options.Mlp, root, $"s3://{Bucket}", "--endpoint-url", origin.Endpoint.ToString(), "--anonymous");
            double first = Find(mount.Directory, source.Count);
            cold.Add(list.WallSeconds * 1000, mount.StartTime.TotalMilliseconds + first);
            coldFind.Add(list.WallSeconds * 1000, first);
            mount.WaitPinned();
            Find(mount.Directory, source.Count);
            Find(local, source.Count);
            warm.Add(Find(local, source.Count), Find(mount.Directory, source.Count));
        }

        cold.Print("≤ 1.3 ×");
        coldFind.Print("");
        warm.Print("≤ 1.2 ×");
        Directory.Delete(local, recursive: true);
        return 0;
    }

    private static string MakeLocal(SyntheticSource source)
    {
        string root = Directory.CreateTempSubdirectory("mlp-bench-find-").FullName;
        for (long i = 0; i < source.Count; i++)
        {
            string path = Path.Combine(root, source.KeyAt(i));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, []);
        }

        return root;
    }

    /// <returns>Milliseconds.</returns>
    private static double Find(string directory, long expected)
    {
        Stopwatch clock = Stopwatch.StartNew();
        using Process find = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"find {directory} -type f | wc -l"]) { RedirectStandardOutput = true })!;
        string count = find.StandardOutput.ReadToEnd().Trim();
        find.WaitForExit();
        if (count != $"{expected}")
        {
            throw new InvalidOperationException($"find saw {count} of {expected} files in {directory}");
        }

        return clock.Elapsed.TotalMilliseconds;
    }
}
