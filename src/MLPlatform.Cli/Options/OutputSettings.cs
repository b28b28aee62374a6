namespace MLPlatform.Cli.Options;

/// <summary>What every verb takes: how to speak, and where else to look for options.</summary>
internal static class OutputSettings
{
    private const string Group = "General options";

    public static readonly Setting<bool> Help = new("help", null, "Show this text.", false, static t => SettingKinds.ParseFlag(t[0])) { Short = 'h', Group = Group, IsPerCall = true };

    public static readonly Setting<string?> Config = new("config", "FILE", "YAML file with the same names as the long options; the command line and the environment beat it.", null, static t => t[0])
    {
        Group = Group,
        Completion = CompletionKind.File,
    };

    public static readonly Setting<bool> Json = new("json", null, "Print one JSON document, or one object per line for anything live, and nothing else on stdout.", false, static t => SettingKinds.ParseFlag(t[0]))
    {
        Group = Group,
        IsPerCall = true,
    };

    public static readonly Setting<bool> Quiet = new("quiet", null, "No notes and no progress; errors remain.", false, static t => SettingKinds.ParseFlag(t[0])) { Short = 'q', Group = Group };

    // https://no-color.org: any value that is not empty counts.
    public static readonly Setting<bool> NoColor = new("no-color", null, "No colours, also in a terminal.", false, static t => t[0] is not ("false" or "no" or "off"))
    {
        Group = Group,
        Environment = ["NO_COLOR"],
    };

    public static readonly Setting<bool> Yes = new("yes", null, "Do not ask before something is lost.", false, static t => SettingKinds.ParseFlag(t[0])) { Short = 'y', Group = Group, IsPerCall = true };

    public static IReadOnlyList<Setting> OfEveryVerb { get; } = [Help, Config, Json, Quiet, NoColor];
}
