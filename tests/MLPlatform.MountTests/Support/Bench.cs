namespace MLPlatform.MountTests.Support;

/// <summary>The benchmark program of the same build, for its verbs that end with 0 or say what is wrong.</summary>
public static class Bench
{
    /// <param name="arguments">Verb and options; the binary under test is added.</param>
    public static Task<CommandResult> RunAsync(TimeSpan deadline, params string[] arguments)
    {
        // …/tests/MLPlatform.MountTests/bin/Release/net10.0 here, …/bench/MLPlatform.Bench/bin/Release/net10.0 there.
        DirectoryInfo framework = new(AppContext.BaseDirectory.TrimEnd('/'));
        string bench = Path.Combine(
            AppContext.BaseDirectory, "../../../../../bench/MLPlatform.Bench/bin", framework.Parent!.Name, framework.Name, "MLPlatform.Bench.dll");
        string mlp = Mlp.PublishedBinary ?? Path.Combine(AppContext.BaseDirectory, "mlp.dll");
        return Command.RunAsync("dotnet", [Path.GetFullPath(bench), .. arguments, "--mlp", mlp], deadline);
    }
}
