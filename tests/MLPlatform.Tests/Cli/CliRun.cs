using MLPlatform.Cli;
using MLPlatform.Cli.Framework;

namespace MLPlatform.Tests.Cli;

/// <summary>Runs a command line in this process, without signals, terminal or real environment.</summary>
internal static class CliRun
{
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(IReadOnlyList<string> arguments, Dictionary<string, string>? environment = null, CommandTree? tree = null)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        Terminal terminal = new(output, error, isOutputTerminal: false, isErrorTerminal: false);
        Application application = new(tree ?? CommandLine.CreateTree(), terminal, name => environment?.GetValueOrDefault(name), Interrupts.None);
        int code = await application.RunAsync(arguments);
        return (code, output.ToString(), error.ToString());
    }

    public static Task<(int ExitCode, string Output, string Error)> RunAsync(string line) => RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
