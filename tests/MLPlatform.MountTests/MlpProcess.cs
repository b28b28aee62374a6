using System.Diagnostics;
using System.Text;

namespace MLPlatform.MountTests;

/// <summary>What a run of <c>mlp</c> came to.</summary>
public sealed record MlpResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit code {ExitCode}\n--- stdout\n{Output}\n--- stderr\n{Error}";
}

/// <summary>
/// Runs <c>mlp</c> as its users do: as a process. The program is the one built with the tests, or the one that MLP_BINARY names
/// (CI runs these tests a second time on the published binary).
/// </summary>
public static class MlpProcess
{
    // A mount that needs longer on two busy cores hangs.
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(90);

    /// <summary>Path of the program under test.</summary>
    public static string Binary { get; } = Environment.GetEnvironmentVariable("MLP_BINARY") is { Length: > 0 } path ? Path.GetFullPath(path) : Path.Combine(AppContext.BaseDirectory, "mlp");

    public static Task<MlpResult> RunAsync(params string[] arguments) => RunAsync(arguments, environment: null);

    /// <param name="environment">Variables to set; null values are taken out.</param>
    /// <param name="program">Another name for the program, such as a link to it.</param>
    /// <exception cref="TimeoutException">It did not end in time; it has been killed.</exception>
    public static async Task<MlpResult> RunAsync(
        IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment, string? workingDirectory = null, string? program = null, TimeSpan? timeout = null)
    {
        using Process process = Start(arguments, environment, workingDirectory, program);
        process.StandardInput.Close();
        using CancellationTokenSource deadline = new(timeout ?? s_timeout);
        Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        Task<string> error = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
            return new MlpResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"mlp {string.Join(' ', arguments)} did not end within {timeout ?? s_timeout}.");
        }
    }

    /// <summary>Starts it and leaves the rest to the caller: all three streams are redirected.</summary>
    public static Process Start(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null, string? workingDirectory = null, string? program = null)
    {
        ProcessStartInfo info = new(program ?? Binary, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach ((string name, string? value) in environment ?? new Dictionary<string, string?>())
        {
            info.Environment[name] = value;
        }

        return Process.Start(info) ?? throw new InvalidOperationException($"{info.FileName} did not start.");
    }
}
