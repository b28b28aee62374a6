using System.Diagnostics;
using System.Globalization;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Bars;

/// <summary>From the start of <c>mlp mount DATASET DIR</c> to the end of the first <c>ls DIR</c>, with a manifest of a million files present.</summary>
internal static class StartBar
{
    private const string Bucket = "start";

    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        SyntheticSource source = new(Bucket, directories: options.Number("files", 1_000_000) / 1000, filesPerDirectory: 1000, objectBytes: 100 << 10);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        string root = Directory.CreateTempSubdirectory("mlp-bench-").FullName;
        Stopwatch clock = Stopwatch.StartNew();
        using (Process add = Process.Start(MountProcess.Command(options.Mlp, root, ["dataset", "add", "start", $"s3://{Bucket}", "--endpoint-url", origin.Endpoint.ToString(), "--anonymous", "--quiet"]))!)
        {
            add.WaitForExit();
            if (add.ExitCode != 0)
            {
                return 1;
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"dataset add of {source.Count} files: {clock.Elapsed.TotalSeconds:0.0} s"));
        List<double> times = [];
        for (int i = 0; i < options.Pairs; i++)
        {
            clock.Restart();
            using MountProcess mount = MountProcess.Start(options.Mlp, root, "start");
            using Process ls = Process.Start(new ProcessStartInfo("/bin/ls", [mount.Directory]) { RedirectStandardOutput = true })!;
            await ls.StandardOutput.ReadToEndAsync();
            ls.WaitForExit();
            times.Add(clock.Elapsed.TotalMilliseconds);
        }

        times.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| mount to first ls, {source.Count} files | – | {times[times.Count / 2]:0} ms ({times[0]:0}–{times[^1]:0}, {times.Count} runs) | – | ≤ 150 ms |"));
        return 0;
    }
}
