using MLPlatform.Cli.Options;
using MLPlatform.Core;

namespace MLPlatform.Cli.Framework;

/// <summary>Runs one command line from words to exit code. The border where every exception becomes one sentence.</summary>
internal sealed class Application(CommandTree tree, Terminal terminal, Func<string, string?> environment, Func<Interrupts> listen)
{
    public async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        using Interrupts interrupts = listen();
        VerbContext? context = null;
        try
        {
            ParsedCommand parsed = tree.Parse(HelpWords(arguments));
            terminal.NoColor = parsed.Given.ContainsKey(OutputSettings.NoColor) || environment("NO_COLOR") is { Length: > 0 };
            if (parsed.WantsHelp || parsed.Verb is null)
            {
                return Help(parsed);
            }

            Dictionary<Setting, IReadOnlyList<string>> given = new(parsed.Given);
            parsed.Verb.Expand(given);
            context = new VerbContext
            {
                Values = Resolve(parsed.Verb, given),
                Operands = parsed.Operands,
                Terminal = terminal,
                Environment = environment,
                Interrupts = interrupts,
                Arguments = arguments,
            };
            terminal.NoColor = context.Get(OutputSettings.NoColor);
            terminal.IsQuiet = context.Get(OutputSettings.Quiet);
            return await parsed.Verb.RunAsync(context, interrupts.Token);
        }
        catch (Exception e) when (interrupts.Received is not null && (e is OperationCanceledException or CacheException { Error: CacheError.Interrupted }))
        {
            terminal.Fail(context?.ResumeCommand is { } command ? $"interrupted; what is done is kept, go on with: {command()}" : "interrupted.");
            return ExitCodes.Interrupted;
        }
        catch (CacheException e)
        {
            terminal.Fail(e.Message);
            return ExitCodes.From(e.Error);
        }
        catch (OperationCanceledException e)
        {
            terminal.Fail($"gave up waiting: {e.Message}");
            return ExitCodes.Failed;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The message of the runtime names the path and the system's reason.
            terminal.Fail(e.Message);
            return ExitCodes.Failed;
        }
        catch (Exception e) // A bug: the user gets one sentence, we get the trace.
        {
            terminal.Fail($"internal error, please report it with the output of 'mlp version': {e}");
            return ExitCodes.Failed;
        }
    }

    // 'mlp help mount' is 'mlp mount --help', and '--version' alone asks for ours.
    private static IReadOnlyList<string> HelpWords(IReadOnlyList<string> arguments) => arguments switch
    {
        ["help", ..] => [.. arguments.Skip(1), "--help"],
        ["--version"] or ["-V"] => ["version"],
        _ => arguments,
    };

    private int Help(ParsedCommand parsed)
    {
        HelpWriter writer = new(tree, terminal);
        string text = parsed switch
        {
            { Verb: { } verb } => writer.ForVerb(verb),
            { Group: { } group } => writer.ForGroup(group),
            _ => writer.Overview(),
        };
        if (parsed.WantsHelp)
        {
            terminal.Output.Write(text);
            return ExitCodes.Done;
        }

        terminal.Error.Write(text);
        return ExitCodes.WrongUsage;
    }

    private SettingValues Resolve(Verb verb, Dictionary<Setting, IReadOnlyList<string>> given)
    {
        SettingValues first = SettingResolver.Resolve([OutputSettings.Config], given, environment, null);
        ConfigFile? file = first.Get(OutputSettings.Config) is { } path ? ConfigFile.Load(path, tree.AllSettings) : null;
        return SettingResolver.Resolve(CommandTree.SettingsOf(verb), given, environment, file);
    }
}
