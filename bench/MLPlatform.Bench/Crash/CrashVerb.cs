using System.Diagnostics;
using System.Globalization;

namespace MLPlatform.Bench.Crash;

/// <summary>
/// Kills a process that fills, evicts, cleans and checkpoints a cache, again and again at random points, and lets the next one check everything the ones
/// before had committed. Ends with 0 only when nothing was lost, torn or another file's.
/// </summary>
internal static class CrashVerb
{
    // Half of the cache directories have filled up by then, and the other half turned over many times.
    private const int RoundsPerDirectory = 25;

    private static readonly TimeSpan s_childDeadline = TimeSpan.FromSeconds(60);

    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        int rounds = options.Number("rounds", options.IsQuick ? 20 : 1000);
        int seed = options.Number("seed", Environment.TickCount & 0xFFFF);
        Console.WriteLine($"crash: {rounds} kills, --seed {seed}");
        Random random = new(seed);
        string directory = "";
        string eviction = "";
        int failures = 0;
        int beforeOpen = 0;
        int whileChecking = 0;
        long entries = 0;
        for (int round = 0; round < rounds && failures == 0; round++)
        {
            if (round % Math.Min(RoundsPerDirectory, Math.Max(1, rounds / 2)) == 0)
            {
                Remove(directory);
                directory = Path.Combine(Directory.CreateTempSubdirectory("mlp-crash-").FullName, "cache");
                eviction = eviction == "lru" ? "uniform" : "lru";
            }

            // Mostly while it fills; sometimes while it opens what the last one left, or checks it.
            (string when, int delay) = random.Next(10) switch
            {
                0 => ("", random.Next(200)),
                1 => ("open", random.Next(60)),
                _ => ("checked", random.Next(1200)),
            };
            (string end, string said) = await RunChildAsync(directory, seed, round, eviction, when, delay);
            switch (end)
            {
                case "killed" when said.Contains("checked", StringComparison.Ordinal):
                    entries = Math.Max(entries, long.Parse(said[(said.LastIndexOf(' ') + 1)..].Trim(), CultureInfo.InvariantCulture));
                    break;
                case "killed" when said.Contains("open", StringComparison.Ordinal):
                    whileChecking++;
                    break;
                case "killed":
                    beforeOpen++;
                    break;
                default:
                    failures++;
                    Console.Error.WriteLine($"round {round} ({eviction}): {end}\n{said}\nleft for inspection: {directory}; again with --seed {seed}");
                    break;
            }
        }

        if (failures == 0)
        {
            // The last one's work is checked too.
            (string end, string said) = await RunChildAsync(directory, seed, rounds, eviction, "checked", 0);
            failures += end == "killed" ? 0 : 1;
            if (failures == 0)
            {
                Remove(directory);
            }
            else
            {
                Console.Error.WriteLine(said);
            }
        }

        Console.WriteLine($"crash: {rounds} kills ({beforeOpen} before the cache was opened, {whileChecking} while it was recovered or checked), up to {entries} committed entries; {failures} failures");
        return failures == 0 ? 0 : 1;
    }

    /// <param name="when">The word after which the time to the kill runs; empty: from the start.</param>
    private static async Task<(string End, string Said)> RunChildAsync(string directory, int seed, int round, string eviction, string when, int delayMilliseconds)
    {
        ProcessStartInfo start = new(
            "dotnet",
            [
                typeof(CrashVerb).Assembly.Location, "crash-child", "--dir", directory, "--seed", seed.ToString(CultureInfo.InvariantCulture),
                "--round", round.ToString(CultureInfo.InvariantCulture), "--eviction", eviction, "--capacity", eviction == "lru" ? "96MiB" : "4GiB",
            ])
        {
            RedirectStandardOutput = true,
        };
        Directory.CreateDirectory(directory);
        using Process child = Process.Start(start)!;
        List<string> said = [];
        using CancellationTokenSource deadline = new(s_childDeadline);
        try
        {
            while (when.Length > 0)
            {
                string? line = await child.StandardOutput.ReadLineAsync(deadline.Token);
                if (line is null)
                {
                    await child.WaitForExitAsync(deadline.Token);
                    return ($"ended with {child.ExitCode}", string.Join('\n', said));
                }

                said.Add(line);
                if (line.StartsWith("FAILED", StringComparison.Ordinal))
                {
                    await child.WaitForExitAsync(deadline.Token);
                    return ("failed", string.Join('\n', said));
                }

                if (line.StartsWith(when, StringComparison.Ordinal))
                {
                    break;
                }
            }

            await Task.Delay(delayMilliseconds, deadline.Token);
        }
        catch (OperationCanceledException)
        {
            child.Kill();
            return ($"said nothing for {s_childDeadline.TotalSeconds} s", string.Join('\n', said));
        }

        if (child.HasExited)
        {
            return ($"ended with {child.ExitCode} before it was killed", string.Join('\n', said) + await child.StandardOutput.ReadToEndAsync(CancellationToken.None));
        }

        child.Kill();
        await child.WaitForExitAsync(CancellationToken.None);
        said.AddRange((await child.StandardOutput.ReadToEndAsync(CancellationToken.None)).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        return said.Exists(line => line.StartsWith("FAILED", StringComparison.Ordinal)) ? ("failed", string.Join('\n', said)) : ("killed", string.Join('\n', said));
    }

    private static void Remove(string directory)
    {
        if (directory.Length > 0)
        {
            Directory.Delete(Path.GetDirectoryName(directory)!, recursive: true);
        }
    }
}
