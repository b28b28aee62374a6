using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Lab;

public sealed class FaultProxyTests : IAsyncLifetime
{
    private const int LargeBytes = 3_000_000;

    private static readonly CancellationTokenSource s_deadline = new(TimeSpan.FromMinutes(2));

    private readonly MemorySource _source = new("b");
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(60) };
    private LightOrigin _origin = null!;
    private FaultProxy _proxy = null!;

    public async Task InitializeAsync()
    {
        _source.Add("b", "small", Encoding.ASCII.GetBytes("hello"));
        _source.AddSynthetic("b", "large", LargeBytes);
        _origin = await LightOrigin.StartAsync(_source);
        _proxy = await FaultProxy.StartAsync(new FaultProxyOptions { Target = _origin.Address, RecordedRequests = 16 });
        _client.BaseAddress = _proxy.Endpoint;
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _proxy.DisposeAsync();
        await _origin.DisposeAsync();
    }

    [Fact]
    public async Task Proxy_NoFault_PassesBodiesAndCountsByKind()
    {
        byte[] large = await _client.GetByteArrayAsync("/b/large");
        Assert.Equal(-1, SyntheticContent.FirstMismatch(0, "large", 0, large));
        Assert.Equal(LargeBytes, large.Length);
        await _client.GetStringAsync("/b?list-type=2");
        using HttpResponseMessage head = await _client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/b/small"));
        Assert.Equal(5, head.Content.Headers.ContentLength);
        using HttpResponseMessage put = await _client.PutAsync("/b/new", new ByteArrayContent(new byte[200_000]));
        Assert.Equal(HttpStatusCode.OK, put.StatusCode);
        Assert.Equal(200_000, _source.Find("b", "new")!.Length);

        ProxyCounters counters = _proxy.Counters;
        Assert.Equal((1, 1, 1, 1, 0), (counters.Gets, counters.Lists, counters.Heads, counters.Puts, counters.Others));
        Assert.Equal(1, counters.Connections);
        Assert.Equal(200_000, counters.RequestBytes);
        Assert.True(counters.ResponseBytes > LargeBytes);
        Assert.Equal(["/b/large", "/b?list-type=2", "/b/small", "/b/new"], _proxy.Requests.Select(r => r.Target));
    }

    [Fact]
    public async Task Put_ExpectContinueAndChunked_Arrives()
    {
        using HttpRequestMessage request = new(HttpMethod.Put, "/b/chunked") { Content = new StreamContent(new MemoryStream(new byte[300_000])) };
        request.Headers.ExpectContinue = true;
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(300_000, _source.Find("b", "chunked")!.Length);
        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
        Assert.Equal(1, _proxy.Counters.Connections);
    }

    [Fact]
    public async Task Latency_KeptConnection_IsPaidOncePerRequest()
    {
        _proxy.Latency = TimeSpan.FromMilliseconds(30);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 4; i++)
        {
            await _client.GetByteArrayAsync("/b/large");
        }

        // A lower bound only: how late the machine is beyond it is not this test's business.
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(4 * 30));
        Assert.Equal(1, _proxy.Counters.Connections);
    }

    [Fact]
    public async Task Rate_TwoConnections_ShareIt()
    {
        _proxy.BytesPerSecond = 20_000_000;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(_client.GetByteArrayAsync("/b/large"), _client.GetByteArrayAsync("/b/large"));
        Assert.True(Stopwatch.GetElapsedTime(start).TotalSeconds >= 0.9 * 2 * LargeBytes / 20e6);
    }

    [Fact]
    public async Task Cut_ThirdRequest_EndsThereAndOthersAreWhole()
    {
        InjectedFault cut = _proxy.Inject(Fault.Cut(afterBytes: 1000) with { Skip = 2, Count = 1 });
        await _client.GetByteArrayAsync("/b/large");
        await _client.GetByteArrayAsync("/b/large");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => _client.GetByteArrayAsync("/b/large"));
        Assert.Equal(LargeBytes, (await _client.GetByteArrayAsync("/b/large")).Length);
        Assert.Equal(1, cut.Hits);
        Assert.Equal((3 * LargeBytes) + 1000, _proxy.Counters.ResponseBytes);
    }

    [Theory]
    [InlineData(CutStyle.Close)]
    [InlineData(CutStyle.Reset)]
    public async Task Cut_EitherStyle_ReaderSeesExactlyTheBytesBeforeIt(CutStyle style)
    {
        _proxy.Inject(Fault.Cut(70_000, style));
        using HttpResponseMessage response = await _client.GetAsync("/b/large", HttpCompletionOption.ResponseHeadersRead);
        await using Stream body = await response.Content.ReadAsStreamAsync();
        byte[] buffer = new byte[LargeBytes];
        int received = 0;
        Exception? error = null;
        try
        {
            for (int n; (n = await body.ReadAsync(buffer.AsMemory(received))) > 0;)
            {
                received += n;
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            error = e;
        }

        Assert.NotNull(error);
        Assert.True(style == CutStyle.Close ? received == 70_000 : received <= 70_000, $"{received} bytes");
        Assert.Equal(-1, SyntheticContent.FirstMismatch(0, "large", 0, buffer.AsSpan(0, received)));
    }

    [Fact]
    public async Task SlowDown_Count_AnswersThatManyWithoutAskingTheStore()
    {
        _proxy.Inject(Fault.SlowDown with { Count = 2, Where = r => r.Kind == RequestKind.GetObject });
        for (int i = 0; i < 2; i++)
        {
            using HttpResponseMessage refused = await _client.GetAsync("/b/small");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains("<Code>SlowDown</Code>", await refused.Content.ReadAsStringAsync());
        }

        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
        Assert.Equal(1, _origin.Counters.Gets);
        Assert.Equal(1, _proxy.Counters.Connections);
    }

    [Fact]
    public async Task Answer_ToHeadAndPut_KeepsTheConnectionInStep()
    {
        _proxy.Inject(Fault.ServiceUnavailable with { Count = 2 });
        using HttpResponseMessage head = await _client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/b/small"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, head.StatusCode);
        using HttpResponseMessage put = await _client.PutAsync("/b/x", new ByteArrayContent(new byte[500_000]));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, put.StatusCode);
        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
        Assert.Equal(1, _proxy.Counters.Connections);
        Assert.Null(_source.Find("b", "x"));
    }

    [Fact]
    public async Task Probability_SameSeed_HitsTheSameRequests()
    {
        static async Task<string> Pattern(LightOrigin origin)
        {
            await using FaultProxy proxy = await FaultProxy.StartAsync(new FaultProxyOptions { Target = origin.Address, Seed = 7 });
            proxy.Inject(Fault.SlowDown with { Probability = 0.5 });
            using HttpClient client = new() { BaseAddress = proxy.Endpoint };
            StringBuilder pattern = new();
            for (int i = 0; i < 40; i++)
            {
                using HttpResponseMessage response = await client.GetAsync("/b/small");
                pattern.Append(response.IsSuccessStatusCode ? '.' : 'x');
            }

            return pattern.ToString();
        }

        string first = await Pattern(_origin);
        Assert.Contains('x', first);
        Assert.Contains('.', first);
        Assert.Equal(first, await Pattern(_origin));
    }

    [Fact]
    public async Task Stall_Released_GoesOnWhereItStood()
    {
        InjectedFault stall = _proxy.Inject(Fault.Stall(afterBytes: 100_000) with { Count = 1 });
        Task<byte[]> read = _client.GetByteArrayAsync("/b/large");
        await stall.HitAsync(cancellationToken: s_deadline.Token);
        Assert.Equal(100_000, _proxy.Counters.ResponseBytes);
        Assert.False(read.IsCompleted);
        stall.Release();
        Assert.Equal(-1, SyntheticContent.FirstMismatch(0, "large", 0, await read));
    }

    [Fact]
    public async Task Stall_ReaderGivesUp_ConnectionEndsWithTheFault()
    {
        InjectedFault stall = _proxy.Inject(Fault.Stall());
        using CancellationTokenSource giveUp = new();
        Task<byte[]> read = _client.GetByteArrayAsync("/b/large", giveUp.Token);
        await stall.HitAsync(cancellationToken: s_deadline.Token);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        stall.Dispose();
        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
    }

    [Fact]
    public async Task Flip_GivenOffset_InvertsThoseBytesOnly()
    {
        _proxy.Inject(Fault.Flip(count: 3, offset: 65_535) with { Count = 1 });
        byte[] bad = await _client.GetByteArrayAsync("/b/large");
        byte[] good = await _client.GetByteArrayAsync("/b/large");
        Assert.Equal(LargeBytes, good.Length);
        Assert.Equal([65_535, 65_536, 65_537], Enumerable.Range(0, LargeBytes).Where(i => bad[i] != good[i]));
    }

    [Fact]
    public async Task Flip_Drawn_DependsOnTheSeed()
    {
        _proxy.Inject(Fault.Flip(count: 5));
        byte[] first = await _client.GetByteArrayAsync("/b/large");
        byte[] second = await _client.GetByteArrayAsync("/b/large");
        _proxy.ClearFaults();
        byte[] good = await _client.GetByteArrayAsync("/b/large");
        int[] Places(byte[] bad) => [.. Enumerable.Range(0, LargeBytes).Where(i => bad[i] != good[i])];
        Assert.Equal(5, Places(first).Length);
        Assert.Equal(5, Places(second).Length);
        Assert.NotEqual(Places(first), Places(second));
    }

    [Fact]
    public async Task StopListening_ThenResume_RefusesAndComesBackOnTheSamePort()
    {
        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
        int port = _proxy.Address.Port;
        _proxy.StopListening();
        HttpRequestException refused = await Assert.ThrowsAsync<HttpRequestException>(() => _client.GetStringAsync("/b/small"));
        Assert.Equal(SocketError.ConnectionRefused, Assert.IsType<SocketException>(refused.InnerException).SocketErrorCode);
        _proxy.Resume();
        Assert.Equal(port, _proxy.Address.Port);
        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
    }

    [Fact]
    public async Task BlackHole_RequestNeverReachesTheStoreUntilReleased()
    {
        InjectedFault hole = _proxy.Inject(Fault.BlackHole);
        Task<string> read = _client.GetStringAsync("/b/small");
        await hole.HitAsync(cancellationToken: s_deadline.Token);
        Assert.Equal(0, _origin.Counters.Gets);
        hole.Dispose();
        Assert.Equal("hello", await read);
    }

    [Fact]
    public async Task Store_EndsAnIdleConnection_NextRequestStillSucceeds()
    {
        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
        int port = _origin.Address.Port;
        await _origin.DisposeAsync();
        _origin = await LightOrigin.StartAsync(_source, new LightOriginOptions { Port = port });
        Assert.Equal("hello", await _client.GetStringAsync("/b/small"));
        Assert.Equal(1, _proxy.Counters.Connections);
    }

    [Fact]
    public async Task Dispose_HeldAndIdleConnections_EndsThemAll()
    {
        await using FaultProxy proxy = await FaultProxy.StartAsync(_origin.Endpoint);
        using HttpClient client = new() { BaseAddress = proxy.Endpoint };
        await client.GetStringAsync("/b/small");
        InjectedFault hole = proxy.Inject(Fault.BlackHole);
        Task<string> held = client.GetStringAsync("/b/small");
        await hole.HitAsync(cancellationToken: s_deadline.Token);
        await proxy.DisposeAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => held);
        Assert.Equal(0, proxy.OpenConnections);
    }

    [Fact]
    public async Task Delay_ChosenRequests_OnlyThoseAreHit()
    {
        InjectedFault delay = _proxy.Inject(Fault.Delay(TimeSpan.FromMilliseconds(20)) with { Where = r => r.Kind == RequestKind.List });
        long start = Stopwatch.GetTimestamp();
        await _client.GetStringAsync("/b/small");
        await _client.GetStringAsync("/b?list-type=2");
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(20));
        Assert.Equal(1, delay.Hits);
    }

    [Fact]
    public async Task Connections_MoreThanAllowed_AreClosedAtOnce()
    {
        await using FaultProxy proxy = await FaultProxy.StartAsync(new FaultProxyOptions { Target = _origin.Address, MaxConnections = 1 });
        using HttpClient first = new() { BaseAddress = proxy.Endpoint };
        using HttpClient second = new() { BaseAddress = proxy.Endpoint };
        Assert.Equal("hello", await first.GetStringAsync("/b/small"));
        await Assert.ThrowsAsync<HttpRequestException>(() => second.GetStringAsync("/b/small"));
        Assert.Equal("hello", await first.GetStringAsync("/b/small"));
    }

    [Fact]
    public async Task Store_Unreachable_ClientIsReset()
    {
        await _origin.DisposeAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => _client.GetStringAsync("/b/small"));
        Assert.Equal(1, _proxy.Counters.Broken);
    }

    [Fact]
    public async Task Range_And_IfMatch_AreRecorded()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/b/large");
        request.Headers.Range = new RangeHeaderValue(10, 19);
        request.Headers.IfMatch.Add(new EntityTagHeaderValue($"\"{_source.Find("b", "large")!.ETag}\""));
        using HttpResponseMessage response = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        ProxiedRequest recorded = Assert.Single(_proxy.Requests);
        Assert.Equal("bytes=10-19", recorded.Range);
        Assert.Contains(_source.Find("b", "large")!.ETag, recorded.IfMatch);
    }

    [Theory]
    [InlineData("GET", "/b/k", RequestKind.GetObject)]
    [InlineData("GET", "/b/?list-type=2&prefix=x", RequestKind.List)]
    [InlineData("GET", "/b?prefix=x", RequestKind.List)]
    [InlineData("GET", "/b?location", RequestKind.Other)]
    [InlineData("GET", "/", RequestKind.Other)]
    [InlineData("HEAD", "/b/k", RequestKind.Head)]
    [InlineData("PUT", "/b", RequestKind.Put)]
    [InlineData("DELETE", "/b/k", RequestKind.Other)]
    [InlineData("GET", "/webhdfs/v1/a?op=OPEN&offset=3", RequestKind.GetObject)]
    [InlineData("GET", "/webhdfs/v1/a?op=LISTSTATUS_BATCH", RequestKind.List)]
    [InlineData("GET", "/webhdfs/v1/a?op=GETFILESTATUS", RequestKind.Head)]
    public void Kind_Requests_AreToldApart(string method, string target, RequestKind kind) =>
        Assert.Equal(kind, ProxiedRequest.KindOf(method, target));
}
