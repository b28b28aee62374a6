using Microsoft.Extensions.Time.Testing;
using MLPlatform.UnderStore.Http;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

public sealed class HttpConnectionPoolTests
{
    private const string Answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    private static readonly HttpTimeouts s_timeouts = new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));

    [Fact]
    public async Task Idle_AgedConnections_AreClosedAndTheWatchdogSleeps()
    {
        FakeTimeProvider time = new();
        await using ScriptedServer server = ScriptedServer.Of(Answer);
        await using HttpConnectionPool pool = Open(server, time);
        HttpConnection[] three = [await RentAsync(pool), await RentAsync(pool), await RentAsync(pool)];
        foreach (HttpConnection connection in three)
        {
            await ExchangeAsync(connection);
        }

        Assert.Equal((3, 0), pool.Count);
        foreach (HttpConnection connection in three)
        {
            connection.Release();
        }

        Assert.Equal((0, 3), pool.Count);
        HttpConnection again = await RentAsync(pool);
        Assert.Same(three[2], again); // The last used first, so that the others age.
        time.Advance(TimeSpan.FromSeconds(29));
        await ExchangeAsync(again);
        again.Release();
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal((0, 1), pool.Count);
        time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal((0, 0), pool.Count);
    }

    [Fact]
    public async Task Exchange_NoAnswerInTime_IsTimedOut()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using ScriptedServer server = new(async (_, _, token) =>
        {
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, token);
            return false;
        });
        await using HttpConnectionPool pool = Open(server, time);
        HttpConnection connection = await RentAsync(pool);
        Task exchange = ExchangeAsync(connection);
        await asked.Task.WaitAsync(S3UnderStoreTests.Limit());
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(exchange.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        HttpFault fault = await Assert.ThrowsAsync<HttpFault>(() => exchange);
        Assert.Equal(HttpFaultKind.TimedOut, fault.Kind);
        connection.Release();
        Assert.Equal((0, 0), pool.Count);
    }

    [Fact]
    public async Task Release_AnswerNotReadToItsEnd_ClosesTheConnection()
    {
        await using ScriptedServer server = ScriptedServer.Of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345");
        await using HttpConnectionPool pool = Open(server, TimeProvider.System);
        HttpConnection connection = await RentAsync(pool);
        await ExchangeAsync(connection);
        connection.Release();
        Assert.Equal((0, 0), pool.Count);
    }

    [Fact]
    public async Task Dispose_WithAConnectionInUse_WakesItsUser()
    {
        await using ScriptedServer server = new(async (_, _, token) =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return false;
        });
        HttpConnectionPool pool = Open(server, TimeProvider.System);
        HttpConnection connection = await RentAsync(pool);
        Task exchange = ExchangeAsync(connection);
        await pool.DisposeAsync();
        await Assert.ThrowsAsync<HttpFault>(() => exchange);
        connection.Release();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => RentAsync(pool));
    }

    private static HttpConnectionPool Open(ScriptedServer server, TimeProvider time)
    {
        Uri endpoint = new(server.Endpoint);
        return new HttpConnectionPool(new HttpConnector(new HttpOrigin(false, endpoint.Host, endpoint.Port), null, null), time, s_timeouts, 8);
    }

    private static Task<HttpConnection> RentAsync(HttpConnectionPool pool) => pool.RentAsync(fresh: false, S3UnderStoreTests.Limit()).AsTask();

    private static Task ExchangeAsync(HttpConnection connection)
    {
        connection.Request.Write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"u8);
        return connection.ExchangeAsync(isHead: false, s_timeouts.Stall).AsTask();
    }
}
