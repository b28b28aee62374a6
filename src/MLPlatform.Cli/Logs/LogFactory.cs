using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Logs;

/// <summary>Makes the loggers of one process from its settings.</summary>
internal static class LogFactory
{
    // 64 MiB for each mount point at most, and a file that editors still open.
    private const long MaxFileBytes = 16L << 20;
    private const int OlderFiles = 3;

    /// <summary>For verbs that end by themselves: all goes to --log-file if one is given; without, only warnings are written, to stderr, unless --log-level asks for more.</summary>
    public static ILoggerFactory CreateForVerb(SettingValues values)
    {
        string? file = values.Get(LogSettings.File) is { } given ? Path.GetFullPath(given) : null;
        LogLevel least = file is null && !values.IsGiven(LogSettings.Level) ? LogLevel.Warning : values.Get(LogSettings.Level);
        return Create(values, file, isBackground: false, least);
    }

    /// <param name="file">Null for stderr.</param>
    /// <param name="isBackground">True where stdout and stderr are that file.</param>
    public static ILoggerFactory Create(SettingValues values, string? file, bool isBackground) => Create(values, file, isBackground, values.Get(LogSettings.Level));

    private static LoggerFactory Create(SettingValues values, string? file, bool isBackground, LogLevel least)
    {
        ILogOutput output;
        if (file is null)
        {
            output = new StreamLogOutput(Framework.StandardStream.Error);
        }
        else
        {
            RotatingLogOutput.MakeDirectory(file);
            output = new RotatingLogOutput(file, MaxFileBytes, OlderFiles, isBackground);
        }

        LogWriter writer = new(output, values.Get(LogSettings.Format), TimeProvider.System);

        // Not LoggerFactory.Create: that builds a service container, which a quick start has no time for.
        return new LoggerFactory([new WriterLoggerProvider(writer, least)], new LoggerFilterOptions { MinLevel = least });
    }
}
