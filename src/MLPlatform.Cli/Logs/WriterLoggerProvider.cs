using Microsoft.Extensions.Logging;

namespace MLPlatform.Cli.Logs;

/// <summary>Connects the logging abstractions to a <see cref="LogWriter"/>. Scopes are not used.</summary>
internal sealed class WriterLoggerProvider(LogWriter writer, LogLevel least) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Logger(writer, least, categoryName);

    public void Dispose() => writer.Dispose();

    private sealed class Logger(LogWriter writer, LogLevel least, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                writer.Log(logLevel, category, eventId, formatter(state, exception), exception);
            }
        }
    }
}
