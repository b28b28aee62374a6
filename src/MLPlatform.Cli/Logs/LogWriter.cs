using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Logs;

/// <summary>
/// Formats log entries and hands them to one thread that writes them. Any thread may log and none waits for a disk or a full pipe:
/// when the queue is full, lines are dropped and their number is written later.
/// </summary>
internal sealed class LogWriter : IDisposable
{
    // Two seconds of a very talkative minute; a line is a few hundred bytes.
    private const int MaxQueuedLines = 4096;

    private static readonly TimeSpan s_flushPatience = TimeSpan.FromSeconds(2);

    private readonly Channel<string> _lines = Channel.CreateBounded<string>(new BoundedChannelOptions(MaxQueuedLines) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly ILogOutput _output;
    private readonly LogFormat _format;
    private readonly TimeProvider _time;
    private readonly Thread _thread;
    private long _dropped;

    public LogWriter(ILogOutput output, LogFormat format, TimeProvider time)
    {
        _output = output;
        _format = format;
        _time = time;
        _thread = new Thread(WriteAll) { IsBackground = true, Name = "mlp-log" };
        _thread.Start();
    }

    public void Log(LogLevel level, string category, EventId eventId, string message, Exception? exception)
    {
        string line = _format == LogFormat.Json ? Json(level, category, eventId, message, exception) : Text(level, category, message, exception);
        if (!_lines.Writer.TryWrite(line))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    /// <summary>Writes what is queued, for a bounded time.</summary>
    public void Dispose()
    {
        _lines.Writer.TryComplete();
        _thread.Join(s_flushPatience);
        _output.Dispose();
    }

    private void WriteAll()
    {
        ChannelReader<string> reader = _lines.Reader;
        while (reader.TryPeek(out _) || reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (reader.TryRead(out string? line))
            {
                _output.Write(line);
            }

            if (Interlocked.Exchange(ref _dropped, 0) is > 0 and long dropped)
            {
                string message = $"{dropped} log lines were dropped because the log could not keep up";
                _output.Write(_format == LogFormat.Json ? Json(LogLevel.Warning, "Log", default, message, null) : Text(LogLevel.Warning, "Log", message, null));
            }

            _output.Flush();
        }
    }

    private string Text(LogLevel level, string category, string message, Exception? exception)
    {
        StringBuilder line = new(message.Length + 80);
        line.Append(Now()).Append(' ').Append(Word(level).ToUpperInvariant().PadRight(7)).Append(' ').Append(ShortName(category)).Append(": ").Append(message);
        if (exception is not null)
        {
            // A fault's message is meant for readers; everything else is a bug, whose stack we need.
            line.Append(exception is Core.CacheException fault ? $" [{fault.Error}: {fault.Message}]" : $"\n{exception}");
        }

        return line.Append('\n').ToString();
    }

    private string Json(LogLevel level, string category, EventId eventId, string message, Exception? exception) =>
        JsonText.Write(
            writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("time", Now());
                writer.WriteString("level", Word(level));
                writer.WriteString("category", ShortName(category));
                writer.WriteNumber("event", eventId.Id);
                writer.WriteString("message", message);
                if (exception is not null)
                {
                    writer.WriteString("error", exception is Core.CacheException fault ? fault.Error.ToString() : exception.GetType().Name);
                    writer.WriteString("exception", exception is Core.CacheException ? exception.Message : exception.ToString());
                }

                writer.WriteEndObject();
            },
            isLine: true) + "\n";

    private string Now() => _time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static string ShortName(string category) => category[(category.LastIndexOf('.') + 1)..];

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        _ => "error",
    };
}
