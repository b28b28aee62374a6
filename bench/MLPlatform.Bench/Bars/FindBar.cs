using System.Diagnostics;
using System.Text.Json;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>
/// <c>find -type f</c> over 20,000 keys of a raw source: cold against listing the keys by a raw client, warm against the local disk. Cold is the first walk of a
/// fresh mount with a fresh state directory: once from the end of the mount command, once with the mount command. CPU is that of find and of the server.
/// </summary>
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
        Comparison coldCpu = new("cold: CPU of find and server / ext4", "ms");
        Comparison warm = new("warm / ext4", "ms");
        string requests = "";
        for (int pair = 0; pair < options.Pairs; pair++)
        {
            RawResult list = await raw.ListAsync();
            string root = Directory.CreateTempSubdirectory("mlp-bench-").FullName;
            using MountProcess mount = MountProcess.Start(options.Mlp, root, $"s3://{Bucket}", "--endpoint-url", origin.Endpoint.ToString(), "--anonymous");
            double serverBefore = mount.CpuSeconds;
            (double first, double firstCpu) = Find(mount.Directory, source.Count);
            firstCpu += (mount.CpuSeconds - serverBefore) * 1000;
            requests = Requests(mount.Directory);
            cold.Add(list.WallSeconds * 1000, mount.StartTime.TotalMilliseconds + first);
            coldFind.Add(list.WallSeconds * 1000, first);
            mount.WaitPinned();
            Find(mount.Directory, source.Count);
            Find(local, source.Count);
            (double floor, double floorCpu) = Find(local, source.Count);
            coldCpu.Add(floorCpu, firstCpu);
            warm.Add(floor, Find(mount.Directory, source.Count).Wall);
        }

        coldFind.Print("≤ 1.3 ×");
        cold.Print("");
        coldCpu.Print("");
        warm.Print("≤ 1.2 ×");
        Console.WriteLine($"\nrequests of the mount and the cold walk: {requests}");
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

    /// <returns>What the kernel asked so far, by kind.</returns>
    private static string Requests(string directory)
    {
        using JsonDocument stats = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory, ".mlp/stats")));
        return string.Join(", ", stats.RootElement.GetProperty("fuse_requests").EnumerateObject().Select(kind => $"{kind.Name} {kind.Value}"));
    }

    /// <returns>Milliseconds; CPU is that of find, its shell and wc.</returns>
    private static (double Wall, double Cpu) Find(string directory, long expected)
    {
        double cpu = ChildCpu.Seconds;
        Stopwatch clock = Stopwatch.StartNew();
        using Process find = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"find {directory} -type f | wc -l"]) { RedirectStandardOutput = true })!;
        string count = find.StandardOutput.ReadToEnd().Trim();
        find.WaitForExit();
        double wall = clock.Elapsed.TotalMilliseconds;
        if (count != $"{expected}")
        {
            throw new InvalidOperationException($"find saw {count} of {expected} files in {directory}");
        }

        return (wall, (ChildCpu.Seconds - cpu) * 1000);
    }
}
