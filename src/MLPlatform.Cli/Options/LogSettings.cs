using Microsoft.Extensions.Logging;

namespace MLPlatform.Cli.Options;

/// <summary>What is logged, where and how.</summary>
internal static class LogSettings
{
    private const string Group = "Log options";

    public static readonly Setting<LogLevel> Level = new(
        "log-level",
        "WORD",
        "The least serious messages that are written.",
        LogLevel.Information,
        static t => SettingKinds.ParseWord(
            t[0],
            [("trace", LogLevel.Trace), ("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error), ("off", LogLevel.None)]))
    {
        Group = Group,
        Words = ["trace", "debug", "info", "warning", "error", "off"],
        DefaultText = "info",
    };

    public static readonly Setting<string?> File = new(
        "log-file",
        "FILE",
        "Where to log. A background mount of root logs to /var/log/mlp, of another user to $XDG_STATE_HOME/mlp (~/.local/state/mlp), one file for each mount point; 'mlp info DIR' shows its path. Files are rotated at 16 MiB, and three older ones are kept.",
        null,
        static t => t[0])
    {
        Group = Group,
        Completion = CompletionKind.File,
        DefaultText = "stderr in the foreground",
    };

    public static readonly Setting<LogFormat> Format = new(
        "log-format", "WORD", "Lines for people, or one JSON object per line.", LogFormat.Text, static t => SettingKinds.ParseWord(t[0], [("text", LogFormat.Text), ("json", LogFormat.Json)]))
    {
        Group = Group,
        Words = ["text", "json"],
        DefaultText = "text",
    };

    public static IReadOnlyList<Setting> All { get; } = [Level, File, Format];
}
