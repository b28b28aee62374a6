using System.Diagnostics;
using System.Globalization;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary><c>mlp preload</c> into an empty cache against a raw client with the same connections, on the light origin at full speed: small files, and large ones in parts.</summary>
internal static class PreloadBar
{
    private const string Bucket = "bench";

    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        string mlp = options.Text("mlp", "./mlp");
        foreach ((string kind, int files, long bytes) in new[] { ("small", 16_000, 100L << 10), ("large", 12, 128L << 20) })
        {
            SyntheticSource source = new(Bucket, files >= 1000 ? files / 1000 : 0, Math.Min(files, 1000), bytes);
            await using LightOrigin origin = await LightOrigin.StartAsync(source);
            List<string> keys = [.. source.Scan(Bucket, "").Select(static o => o.Key)];
            foreach (int connections in options.Text("threads", "8,16,32").Split(',').Select(static t => int.Parse(t, CultureInfo.InvariantCulture)))
            {
                RawClient raw = new(new RawClientOptions { Endpoint = origin.Endpoint, Bucket = Bucket, Connections = connections });
                List<double> ratios = [];
                List<double> cpus = [];
                for (int pair = 0; pair < options.Pairs; pair++)
                {
                    OriginCounters before = origin.Counters;
                    RawResult floor = kind == "small" ? await raw.GetObjectsAsync(keys) : await raw.GetRangesAsync([.. keys.Select(key => (key, bytes))]);
                    OriginCounters asked = origin.Counters - before;
                    if (floor.Bytes != files * bytes || asked.BodyBytes != files * bytes)
                    {
                        throw new InvalidOperationException($"The raw client received {floor.Bytes} bytes of {files * bytes} in {floor.Objects} objects; the origin gave {asked}.");
                    }

                    (double wall, double cpu) = await PreloadAsync(mlp, origin, connections);
                    ratios.Add(floor.WallSeconds / wall);
                    cpus.Add(cpu);
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind} {connections}: raw {floor.WallSeconds:0.00} s, {floor.CpuSeconds:0.00} s CPU; preload {wall:0.00} s, {cpu:0.00} s CPU"));
                }

                double medianCpu = cpus.Order().ElementAt(cpus.Count / 2);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind} {connections}: {ratios.Order().ElementAt(ratios.Count / 2):0.00} x (bar .8), {(kind == "small" ? $"{medianCpu * 1000 / files:0.000} ms CPU/file (bar .2)" : $"{medianCpu / (files * bytes) * (1L << 30):0.00} s CPU/GiB")}"));
            }
        }

        return 0;
    }

    private static async Task<(double Wall, double Cpu)> PreloadAsync(string mlp, LightOrigin origin, int connections)
    {
        string root = Directory.CreateTempSubdirectory("mlp-preload-bar-").FullName;
        try
        {
            // Listed before the clock starts: the raw client has its keys too.
            await RunAsync(mlp, root, origin, ["dataset", "add", "bar", $"s3://{Bucket}"]);
            return await RunAsync(mlp, root, origin, ["preload", "bar", "--threads", $"{connections}"]);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task<(double Wall, double Cpu)> RunAsync(string mlp, string root, LightOrigin origin, string[] arguments)
    {
        ProcessStartInfo info = new(mlp, arguments);
        info.Environment["MLP_STATE_DIR"] = Path.Combine(root, "state");
        info.Environment["MLP_CACHE_DIR"] = Path.Combine(root, "cache");
        info.Environment["MLP_MIN_FREE"] = "0%";
        info.Environment["MLP_ANONYMOUS"] = "true";
        info.Environment["AWS_ENDPOINT_URL"] = origin.Endpoint.ToString();
        double cpu = ChildCpu.Seconds;
        long start = Stopwatch.GetTimestamp();
        using Process process = Process.Start(info)!;
        await process.WaitForExitAsync();
        double wall = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return process.ExitCode == 0 ? (wall, ChildCpu.Seconds - cpu) : throw new InvalidOperationException($"mlp {arguments[0]} ended with {process.ExitCode}.");
    }
}
