using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Framework;

/// <summary>What a verb is given to run with. One per process.</summary>
internal sealed class VerbContext
{
    public required SettingValues Values { get; init; }

    /// <summary>Operands as written, in order.</summary>
    public required IReadOnlyList<string> Operands { get; init; }

    public required Terminal Terminal { get; init; }

    public required Func<string, string?> Environment { get; init; }

    public required Interrupts Interrupts { get; init; }

    /// <summary>Every argument as the process got it (a mount helper's already translated), for a server that is started with the same.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>What to type to go on after Ctrl-C; set by verbs whose work can be taken up again.</summary>
    public Func<string>? ResumeCommand { get; set; }

    public bool Json => Values.Get(OutputSettings.Json);

    public T Get<T>(Setting<T> setting) => Values.Get(setting);
}
