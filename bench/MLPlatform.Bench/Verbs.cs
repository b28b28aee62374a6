using MLPlatform.Bench.Bars;

namespace MLPlatform.Bench;

/// <summary>What the benchmark program can do.</summary>
internal static class Verbs
{
    public static IReadOnlyDictionary<string, Func<string[], Task<int>>> Table { get; } = new Dictionary<string, Func<string[], Task<int>>>
    {
        ["allocations"] = args => Task.FromResult(AllocationGate.Run(args)),
        ["warm-small"] = WarmSmallBar.RunAsync,
        ["warm-sequential"] = WarmSequentialBar.RunAsync,
        ["find"] = FindBar.RunAsync,
        ["start"] = StartBar.RunAsync,
    };

    public static int Usage()
    {
        Console.Error.WriteLine($"usage: MLPlatform.Bench VERB [OPTIONS]   verbs: {string.Join(", ", Table.Keys)}");
        return 2;
    }
}
