using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Cli.Logs;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class LogWriterTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero));

    [Fact]
    public void Log_Text_IsOneLineForPeople()
    {
        Lines output = new();
        using (LogWriter writer = new(output, LogFormat.Text, _time))
        {
            writer.Log(LogLevel.Warning, "MLPlatform.Client.FileReader", default, "slow", null);
            writer.Log(LogLevel.Error, "mlp.mount", default, "failed", new CacheException(CacheError.Corrupt, "s3://b/k is damaged."));
        }

        Assert.Equal(["2026-01-02T03:04:05.678Z WARNING FileReader: slow\n", "2026-01-02T03:04:05.678Z ERROR   mount: failed [Corrupt: s3://b/k is damaged.]\n"], output.Written);
    }

    [Fact]
    public void Log_Json_IsOneObjectPerLine()
    {
        Lines output = new();
        using (LogWriter writer = new(output, LogFormat.Json, _time))
        {
            writer.Log(LogLevel.Information, "mlp.mount", new EventId(7), "a \"quoted\"\nline", new InvalidOperationException("bug"));
        }

        string line = Assert.Single(output.Written);
        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        using JsonDocument document = JsonDocument.Parse(line);
        Assert.Equal("info", document.RootElement.GetProperty("level").GetString());
        Assert.Equal(7, document.RootElement.GetProperty("event").GetInt32());
        Assert.Equal("a \"quoted\"\nline", document.RootElement.GetProperty("message").GetString());
        Assert.Equal("InvalidOperationException", document.RootElement.GetProperty("error").GetString());
    }

    [Fact]
    public void Log_OutputStuck_DropsAndCountsInsteadOfWaiting()
    {
        using ManualResetEventSlim go = new();
        Lines output = new(go);
        using (LogWriter writer = new(output, LogFormat.Text, _time))
        {
            for (int i = 0; i < 10_000; i++)
            {
                writer.Log(LogLevel.Information, "x", default, "line", null);
            }

            go.Set();
        }

        Assert.InRange(output.Written.Count, 4096, 9_999);
        Assert.Contains(output.Written, static l => l.Contains("log lines were dropped", StringComparison.Ordinal));
    }

    [Fact]
    public void Provider_BelowTheLevel_WritesNothing()
    {
        Lines output = new();
        using (WriterLoggerProvider provider = new(new LogWriter(output, LogFormat.Text, _time), LogLevel.Warning))
        {
            ILogger logger = provider.CreateLogger("x");
            Assert.False(logger.IsEnabled(LogLevel.Information));
            Assert.True(logger.IsEnabled(LogLevel.Error));
            Assert.False(logger.IsEnabled(LogLevel.None));
        }

        Assert.Empty(output.Written);
    }

    [Fact]
    public void Rotation_FullFile_KeepsSoManyOlderOnes()
    {
        string folder = Directory.CreateTempSubdirectory("mlp-log-").FullName;
        string path = Path.Combine(folder, "x.log");
        try
        {
            using (RotatingLogOutput output = new(path, maxBytes: 100, olderFiles: 2, ownsStandardError: false))
            {
                for (int i = 0; i < 10; i++)
                {
                    output.Write($"{i} {new string('x', 57)}\n");
                    output.Flush();
                }
            }

            Assert.Equal(["x.log", "x.log.1", "x.log.2"], Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            Assert.StartsWith("9 ", File.ReadAllText(path), StringComparison.Ordinal);
            Assert.StartsWith("7 ", File.ReadAllText(path + ".2"), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Rotation_AnotherWriterOnTheFile_NeitherOverwritesTheOther()
    {
        string path = Path.GetTempFileName();
        try
        {
            using RotatingLogOutput one = new(path, maxBytes: 1 << 20, olderFiles: 1, ownsStandardError: false);
            using RotatingLogOutput two = new(path, maxBytes: 1 << 20, olderFiles: 1, ownsStandardError: false);
            foreach (RotatingLogOutput output in (RotatingLogOutput[])[one, two, one])
            {
                output.Write("line\n");
                output.Flush();
            }

            Assert.Equal("line\nline\nline\n", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Rotation_FileCannotBeMade_SaysWhichAndWhatToDo()
    {
        CacheException e = Assert.Throws<CacheException>(() => new RotatingLogOutput("/proc/nothing/x.log", 1, 1, ownsStandardError: false));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains("--log-file", e.Message, StringComparison.Ordinal);
    }

    private sealed class Lines(ManualResetEventSlim? go = null) : ILogOutput
    {
        public List<string> Written { get; } = [];

        public void Write(string line)
        {
            go?.Wait(TimeSpan.FromSeconds(30));
            Written.Add(line);
        }

        public void Flush()
        {
        }

        public void Dispose()
        {
        }
    }
}
