using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Cli.Metrics;
using MLPlatform.Core;
using MLPlatform.FileSystem;
using MLPlatform.Tests.Live;
using Xunit;

namespace MLPlatform.Tests.Cli;

/// <summary>The numbers of a mount as text, and the few lines of HTTP that serve them.</summary>
public sealed class MetricsTests
{
    private static readonly MountMetric[] s_metrics =
    [
        MountMetric.Gauge("uptime_s", 1.25m, "Seconds."),
        MountMetric.Counter("read_bytes", long.MaxValue, "Bytes."),
        MountMetric.Counters("hit_bytes", "tier", [("memory", 3), ("disk", 4)], "Hits."),
        MountMetric.Counters("fuse_requests", "operation", [], "Requests."),
        MountMetric.Word("profile", "files"),
        MountMetric.Word("dataset.name", "a \"b\" \\ c\nd"),
        MountMetric.Text("dataset.version", null),
        MountMetric.Gauge("dataset.files", 7, "Files."),
    ];

    [Fact]
    public void Prometheus_OfAList_HasOneSeriesForEachNumber() => Assert.Equal(
        """
        # HELP mlp_uptime_s Seconds.
        # TYPE mlp_uptime_s gauge
        mlp_uptime_s 1.25
        # HELP mlp_read_bytes Bytes.
        # TYPE mlp_read_bytes counter
        mlp_read_bytes 9223372036854775807
        # HELP mlp_hit_bytes Hits.
        # TYPE mlp_hit_bytes counter
        mlp_hit_bytes{tier="memory"} 3
        mlp_hit_bytes{tier="disk"} 4
        # HELP mlp_dataset_files Files.
        # TYPE mlp_dataset_files gauge
        mlp_dataset_files 7
        # HELP mlp_mount_info Always 1; the labels tell what is mounted and how.
        # TYPE mlp_mount_info gauge
        mlp_mount_info{profile="files",dataset_name="a \"b\" \\ c\nd"} 1

        """,
        MetricsText.ToPrometheus(s_metrics));

    [Fact]
    public void Json_OfTheSameList_NestsAndKeepsEveryDigit()
    {
        string json = MetricsText.ToJson(s_metrics);
        using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(json);
        Assert.Equal(long.MaxValue, document.RootElement.GetProperty("read_bytes").GetInt64());
        Assert.Equal(1.25, document.RootElement.GetProperty("uptime_s").GetDouble());
        Assert.Equal(4, document.RootElement.GetProperty("hit_bytes").GetProperty("disk").GetInt64());
        Assert.Empty(document.RootElement.GetProperty("fuse_requests").EnumerateObject());
        Assert.Equal(["name", "version", "files"], document.RootElement.GetProperty("dataset").EnumerateObject().Select(static p => p.Name));
        Assert.EndsWith("}\n", json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1:9090", "127.0.0.1:9090")]
    [InlineData("localhost:0", "127.0.0.1:0")]
    [InlineData("[::1]:9090", "[::1]:9090")]
    [InlineData(":9090", ":9090")]
    [InlineData("*:9090", ":9090")]
    [InlineData("9090", null)]
    [InlineData("::1:9090", null)]
    [InlineData("[127.0.0.1]:9090", null)]
    [InlineData("host:9090", null)]
    [InlineData("127.0.0.1:", null)]
    [InlineData("127.0.0.1:65536", null)]
    [InlineData("127.0.0.1:-1", null)]
    [InlineData("127.0.0.1: 1", null)]
    public void ListenAddress_Parse_TakesWhatIsUnmistakable(string text, string? expected)
    {
        if (expected is null)
        {
            Assert.Throws<FormatException>(() => ListenAddress.Parse(text));
        }
        else
        {
            Assert.Equal(expected, ListenAddress.Parse(text).ToString());
        }
    }

    [Theory]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK", "numbers")]
    [InlineData("GET /metrics?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", "numbers")]
    [InlineData("GET http://host:1/metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", "numbers")]
    [InlineData("GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", "ok\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", null)]
    [InlineData("GET http://host HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", null)]
    [InlineData("GET /metrics/ HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", null)]
    [InlineData("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", null)]
    [InlineData("GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request", null)]
    [InlineData("\u0016\u0003\u0001 hello\r\n\r\n", "HTTP/1.1 400 Bad Request", null)]
    [InlineData("GET /metrics HTTP/2\r\n\r\n", "HTTP/1.1 400 Bad Request", null)]
    [InlineData("GET /metrics HTTP/1.1\r\nno end", "HTTP/1.1 431 Request Header Fields Too Large", null)]
    public void Answer_ToARequest_IsWholeAndSaysHowLongItIs(string request, string status, string? body)
    {
        string[] answer = Encoding.UTF8.GetString(MetricsAnswer.To(Encoding.Latin1.GetBytes(request), static () => "numbers", static () => true)).Split("\r\n\r\n", 2);
        Assert.StartsWith(status + "\r\n", answer[0], StringComparison.Ordinal);
        Assert.Contains($"\r\nContent-Length: {answer[1].Length}\r\n", answer[0], StringComparison.Ordinal);
        Assert.Equal(body ?? answer[1], answer[1]);
    }

    [Fact]
    public async Task Server_SilentClients_HoldNobodyUpLongerThanTheDeadline()
    {
        FakeTimeProvider time = new();
        DateTimeOffset start = time.GetUtcNow();
        await using MetricsServer server = MetricsServer.Bind(ListenAddress.Parse("127.0.0.1:0"), time, NullLogger.Instance);
        server.Start(static () => "numbers\n", static () => false);

        // As many as are served at once, each half a request; then one more that waits for a place.
        List<TcpClient> silent = [];
        for (int i = 0; i < 4; i++)
        {
            TcpClient client = new();
            await client.ConnectAsync(server.EndPoint);
            await client.GetStream().WriteAsync("GET /metrics HTTP/1.1\r\n"u8.ToArray());
            silent.Add(client);
        }

        Task<string> waiting = AskAsync(server, "GET /healthz HTTP/1.1\r\n\r\n");
        await time.UntilAsync(() => waiting.IsCompleted);
        Assert.StartsWith("HTTP/1.1 503 ", await waiting, StringComparison.Ordinal);
        Assert.True(time.GetUtcNow() - start >= TimeSpan.FromSeconds(5));
        silent.ForEach(static client => client.Dispose());
    }

    [Fact]
    public async Task Server_TooLongAndBrokenRequests_AreAnsweredOrDroppedAndTheNextIsServed()
    {
        await using MetricsServer server = MetricsServer.Bind(ListenAddress.Parse("127.0.0.1:0"), TimeProvider.System, NullLogger.Instance);
        server.Start(static () => "numbers\n", static () => true);
        Assert.StartsWith("HTTP/1.1 431 ", await AskAsync(server, "GET /metrics HTTP/1.1\r\nX: " + new string('x', 8 << 10)), StringComparison.Ordinal);
        for (int i = 0; i < 20; i++)
        {
            using TcpClient gone = new();
            await gone.ConnectAsync(server.EndPoint);
            gone.Client.LingerState = new LingerOption(true, 0); // Its end is a reset.
        }

        Assert.EndsWith("\r\n\r\nnumbers\n", await AskAsync(server, "GET /metrics HTTP/1.1\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bind_AddressTakenOrForeign_IsOneSentence()
    {
        await using MetricsServer first = MetricsServer.Bind(ListenAddress.Parse("127.0.0.1:0"), TimeProvider.System, NullLogger.Instance);
        CacheException taken = Assert.Throws<CacheException>(() => MetricsServer.Bind(ListenAddress.Parse($"127.0.0.1:{first.EndPoint.Port}"), TimeProvider.System, NullLogger.Instance));
        Assert.Equal(CacheError.Busy, taken.Error);
        Assert.Contains($"127.0.0.1:{first.EndPoint.Port}: another process listens there", taken.Message, StringComparison.Ordinal);
        CacheException foreign = Assert.Throws<CacheException>(() => MetricsServer.Bind(ListenAddress.Parse("192.0.2.1:9090"), TimeProvider.System, NullLogger.Instance));
        Assert.Contains("this machine has no such address", foreign.Message, StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(MetricsServer server, string request)
    {
        using TcpClient client = new();
        await client.ConnectAsync(server.EndPoint);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(request));
        using StreamReader reader = new(client.GetStream());
        return await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }
}
