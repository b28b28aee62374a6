using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Lab;
using MLPlatform.Protocol;
using Xunit;

namespace MLPlatform.Tests.Protocol;

public sealed class FrameConnectionTests : IAsyncLifetime
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(30);

    private readonly TrackedBlockPool _pool = new();
    private readonly ScriptedHandler _handler = new();
    private FrameConnection _near = null!;
    private FrameConnection _far = null!;

    public async Task InitializeAsync() => (_near, _far) = await ConnectAsync(new FrameLimits { MaxRequests = 4, MaxRequestBytes = 256 << 10, MaxPayloadBytes = 128 << 10 });

    public async Task DisposeAsync()
    {
        await _near.DisposeAsync();
        await _far.DisposeAsync();
        _pool.Verify();
        Assert.Equal(0, _pool.LiveLeases);
    }

    [Fact]
    public async Task Requests_MoreThanAreTakenAtOnce_AllGetTheirOwnAnswer()
    {
        Task<byte[]>[] answers = [.. Enumerable.Range(0, 200).Select(async i =>
        {
            byte[] sent = [.. ScriptedHandler.Number(i), .. new byte[i * 500]];
            using ReceivedFrame answer = await _near.RequestAsync(1, new FramePayload(sent), default, s_long, CancellationToken.None);
            return answer.Payload[..4].ToArray();
        })];
        for (int i = 0; i < answers.Length; i++)
        {
            Assert.Equal(ScriptedHandler.Number(i), await answers[i]);
        }

        Assert.InRange(_handler.Peak, 1, 4);
        Assert.Equal(0, _near.InFlight);
    }

    [Fact]
    public async Task Requests_FromBothSides_AreAnswered()
    {
        using ReceivedFrame there = await _near.RequestAsync(1, new FramePayload(new byte[] { 7 }), default, s_long, CancellationToken.None);
        CacheException refused = await Assert.ThrowsAsync<CacheException>(() => _far.RequestAsync(1, default, default, s_long, CancellationToken.None));
        Assert.Equal(7, there.Payload.Span[0]);
        Assert.Equal(CacheError.Unsupported, refused.Error);
    }

    [Fact]
    public async Task Request_ThatFails_GivesTheErrorOfTheOtherSide()
    {
        CacheException full = await Assert.ThrowsAsync<CacheException>(() => _near.RequestAsync(2, default, default, s_long, CancellationToken.None));
        CacheException bug = await Assert.ThrowsAsync<CacheException>(() => _near.RequestAsync(9, default, default, s_long, CancellationToken.None));
        Assert.Equal((CacheError.DeviceFull, "It is full."), (full.Error, full.Message));
        Assert.Equal(CacheError.Unsupported, bug.Error);
    }

    [Fact]
    public async Task Request_NobodyAnswers_EndsWithItsDeadlineOnBothSides()
    {
        CacheException late = await Assert.ThrowsAsync<CacheException>(() => _near.RequestAsync(3, default, default, TimeSpan.FromMilliseconds(50), CancellationToken.None));
        Assert.Equal(CacheError.DeadlineExceeded, late.Error);
        await _handler.GivenUp.Task.WaitAsync(s_long);
        using ReceivedFrame next = await _near.RequestAsync(1, default, default, s_long, CancellationToken.None);
    }

    [Fact]
    public async Task Request_Cancelled_IsCancelledThereAndItsCreditComesBack()
    {
        for (int i = 0; i < 20; i++)
        {
            using CancellationTokenSource cancellation = new();
            Task<ReceivedFrame> request = _near.RequestAsync(3, default, default, s_long, cancellation.Token);
            await _handler.Waiting.Task.WaitAsync(s_long);
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        }

        await _handler.GivenUp.Task.WaitAsync(s_long);
        using ReceivedFrame next = await _near.RequestAsync(1, default, default, s_long, CancellationToken.None);
    }

    [Fact]
    public async Task Connection_Ends_AllRequestsFailAtOnce()
    {
        // Four wait for their answers, the others for credit.
        Task<ReceivedFrame>[] requests = [.. Enumerable.Range(0, 10).Select(_ => _near.RequestAsync(3, default, default, s_long, CancellationToken.None))];
        await _handler.Waiting.Task.WaitAsync(s_long);
        await _far.DisposeAsync();
        foreach (Task<ReceivedFrame> request in requests)
        {
            CacheException e = await Assert.ThrowsAsync<CacheException>(() => request.WaitAsync(s_long));
            Assert.Equal(CacheError.Unreachable, e.Error);
        }

        await _handler.Gone.Task.WaitAsync(s_long);
        await _near.Completion.WaitAsync(s_long);
        CacheException after = await Assert.ThrowsAsync<CacheException>(() => _near.RequestAsync(1, default, default, s_long, CancellationToken.None));
        Assert.Equal(CacheError.Unreachable, after.Error);
    }

    [Fact]
    public async Task Request_LargerThanAgreed_IsRefusedHere()
    {
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => _near.RequestAsync(1, new FramePayload(new byte[(128 << 10) + 1]), default, s_long, CancellationToken.None));
        Assert.Equal(CacheError.Unsupported, e.Error);
    }

    [Fact]
    public async Task Handshake_OfAnotherService_IsRefusedWithTheReason()
    {
        (Duplex near, Duplex far) = Duplex.Make();
        Task<FrameConnection> accepting = FrameConnection.AcceptAsync(far, null, Options(new FrameLimits()), null, CancellationToken.None);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => FrameConnection.ConnectAsync(near, null, Options(new FrameLimits()) with { Service = "other---" }, CancellationToken.None));
        Assert.Equal(CacheError.Unsupported, e.Error);
        Assert.Contains("other---", e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<CacheException>(() => accepting);
    }

    [Fact]
    public async Task Handshake_NobodyAnswers_EndsWithItsDeadline()
    {
        (Duplex near, _) = Duplex.Make();
        FrameConnectionOptions options = Options(new FrameLimits()) with { HandshakeTimeout = TimeSpan.FromMilliseconds(50) };
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => FrameConnection.ConnectAsync(near, null, options, CancellationToken.None));
        Assert.Equal(CacheError.Unreachable, e.Error);
    }

    private async Task<(FrameConnection Near, FrameConnection Far)> ConnectAsync(FrameLimits limits)
    {
        (Duplex near, Duplex far) = Duplex.Make();
        Task<FrameConnection> accepting = FrameConnection.AcceptAsync(far, _handler, Options(limits), null, CancellationToken.None);
        FrameConnection connected = await FrameConnection.ConnectAsync(near, null, Options(limits), CancellationToken.None);
        return (connected, await accepting);
    }

    private FrameConnectionOptions Options(FrameLimits limits) =>
        new() { Service = "mlp-test", Pool = _pool, Logger = NullLogger.Instance, Limits = limits, HandshakeTimeout = s_long };
}
