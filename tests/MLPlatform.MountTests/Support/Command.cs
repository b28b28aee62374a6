using System.Diagnostics;

namespace MLPlatform.MountTests.Support;

/// <summary>Runs programs with a deadline and keeps what they say.</summary>
public static class Command
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    /// <summary>The shell's view of things: pipes and redirections included.</summary>
    public static Task<CommandResult> ShellAsync(string script, TimeSpan? deadline = null, IReadOnlyDictionary<string, string>? environment = null) =>
        RunAsync("/bin/bash", ["-euo", "pipefail", "-c", script], deadline, environment);

    public static async Task<CommandResult> RunAsync(string file, IEnumerable<string> arguments, TimeSpan? deadline = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        using Process process = Start(file, arguments, environment);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource timeout = new(deadline ?? s_deadline);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{file} {string.Join(' ', arguments)} did not end within {deadline ?? s_deadline}.");
        }

        // A process in the background may have inherited the pipes; what it says later is not ours.
        await Task.WhenAny(Task.WhenAll(output, error), Task.Delay(TimeSpan.FromSeconds(2)));
        return new CommandResult(process.ExitCode, output.IsCompleted ? output.Result : "", error.IsCompleted ? error.Result : "");
    }

    public static Process Start(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo info = new(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[name] = value;
        }

        Process process = Process.Start(info)!;
        process.StandardInput.Close();
        return process;
    }
}
