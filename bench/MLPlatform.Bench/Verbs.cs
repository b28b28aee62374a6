using BenchmarkDotNet.Running;
using MLPlatform.Bench.Bars;
using MLPlatform.Bench.Crash;
using MLPlatform.Bench.Soak;

namespace MLPlatform.Bench;

/// <summary>What the benchmark program can do.</summary>
internal static class Verbs
{
    public static IReadOnlyDictionary<string, Func<string[], Task<int>>> Table { get; } = new Dictionary<string, Func<string[], Task<int>>>
    {
        ["allocations"] = args => Task.FromResult(AllocationGate.Run(args)),
        ["micro"] = args => Task.FromResult(BenchmarkSwitcher.FromAssembly(typeof(Verbs).Assembly).Run(args).Any() ? 0 : 1),
        ["warm-small"] = WarmSmallBar.RunAsync,
        ["warm-sequential"] = WarmSequentialBar.RunAsync,
        ["find"] = FindBar.RunAsync,
        ["start"] = StartBar.RunAsync,
        ["cold-small"] = ColdSmallBar.RunAsync,
        ["cold-sequential"] = ColdSequentialBar.RunAsync,
        ["restart"] = RestartBar.RunAsync,
        ["preload"] = PreloadBar.RunAsync,
        ["peers"] = PeersBar.RunAsync,
        ["soak"] = SoakVerb.RunAsync,
        ["crash"] = CrashVerb.RunAsync,
        ["crash-child"] = CrashChild.RunAsync,
        ["manifest"] = ManifestBench.RunAsync,
        ["index"] = IndexBench.RunAsync,
        ["policies"] = PoliciesBench.RunAsync,
        ["checksum"] = ChecksumBench.RunAsync,
    };

    public static int Usage()
    {
        Console.Error.WriteLine($"usage: MLPlatform.Bench VERB [OPTIONS]   verbs: {string.Join(", ", Table.Keys)}");
        return 2;
    }
}
