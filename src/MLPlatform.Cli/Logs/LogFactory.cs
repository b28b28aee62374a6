using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Logs;

/// <summary>Makes the loggers of one process from its settings.</summary>
internal static class LogFactory
{
    // 64 MiB for each mount point at most, and a file that editors still open.
    private const long MaxFileBytes = 16L << 20;
    private const int OlderFiles = 3;

    /// <param name="file">Null for stderr.</param>
    /// <param name="isBackground">True where stdout and stderr are that file.</param>
    public static ILoggerFactory Create(SettingValues values, string? file, bool isBackground)
    {
        ILogOutput output;
        if (file is null)
        {
            output = new StreamLogOutput(Console.OpenStandardError());
        }
        else
        {
            RotatingLogOutput.MakeDirectory(file);
            output = new RotatingLogOutput(file, MaxFileBytes, OlderFiles, isBackground);
        }

        LogLevel least = values.Get(LogSettings.Level);
        LogWriter writer = new(output, values.Get(LogSettings.Format), TimeProvider.System);

        // Not LoggerFactory.Create: that builds a service container, which a quick start has no time for.
        return new LoggerFactory([new WriterLoggerProvider(writer, least)], new LoggerFilterOptions { MinLevel = least });
    }
}
