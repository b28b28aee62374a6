using System.Diagnostics;

namespace MLPlatform.MountTests.Support;

/// <summary>The program under test: the build beside the tests, or the published binary that MLP_BINARY names.</summary>
public static class Mlp
{
    public static string? PublishedBinary => Environment.GetEnvironmentVariable("MLP_BINARY") is { Length: > 0 } path ? path : null;

    /// <summary>How a shell script calls it.</summary>
    public static string ShellCommand => PublishedBinary ?? $"dotnet {Path.Combine(AppContext.BaseDirectory, "mlp.dll")}";

    private static string File => PublishedBinary ?? "dotnet";

    public static Task<CommandResult> RunAsync(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, TimeSpan? deadline = null) =>
        Command.RunAsync(File, Arguments(arguments), deadline, environment);

    public static Process Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        Command.Start(File, Arguments(arguments), environment);

    private static IEnumerable<string> Arguments(IEnumerable<string> arguments) =>
        PublishedBinary is null ? [Path.Combine(AppContext.BaseDirectory, "mlp.dll"), .. arguments] : arguments;
}
