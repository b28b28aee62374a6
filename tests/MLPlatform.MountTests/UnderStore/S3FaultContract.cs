using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Lab;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>What S3 under faults must look like: the lab's proxy stands in front of a server that checks signatures.</summary>
public abstract class S3FaultContract
{
    private const int Size = 3_000_000;

    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(700);

    private readonly byte[] _content = UnderStoreContract.Content(Size);

    internal abstract Task<Backend> StartAsync();

    [SkippableTheory]
    [InlineData(503, "SlowDown")]
    [InlineData(503, "ServiceUnavailable")]
    [InlineData(500, "InternalError")]
    [InlineData(502, "")]
    public async Task Read_ServerRefusesForAWhile_SucceedsOnceItAnswers(int status, string code)
    {
        await using Scene scene = await OpenAsync();
        scene.Proxy.Inject(Fault.Answer(status, code, "later") with { Count = 3, Where = IsGet });
        await scene.ReadAndCompareAsync(0, Size);
        Assert.Equal((3, 3), (scene.Store.Counters.Errors, scene.Store.Counters.Retries));
        Assert.Equal(4, scene.Proxy.Counters.Gets);
    }

    [SkippableFact]
    public async Task Read_SlowDown_LowersTheParallelism()
    {
        await using Scene scene = await OpenAsync();
        int before = scene.Store.SuggestedParallelism;
        scene.Proxy.Inject(Fault.SlowDown with { Count = 1, Where = IsGet });
        await scene.ReadAndCompareAsync(0, 1000);
        Assert.InRange(scene.Store.SuggestedParallelism, 1, before - 1);
    }

    [SkippableTheory]
    [InlineData(CutStyle.Reset)]
    [InlineData(CutStyle.Close)]
    public async Task Read_ConnectionsCut_GoesOnAtTheByteReached(CutStyle style)
    {
        await using Scene scene = await OpenAsync();
        StoreObject file = await scene.ObjectAsync();
        ProxyCounters before = scene.Proxy.Counters;
        scene.Proxy.Inject(Fault.Cut(1_000_000, style) with { Count = 2, Where = IsGet });
        await scene.ReadAndCompareAsync(file, 0, Size);
        ProxyCounters counters = scene.Proxy.Counters - before;
        Assert.Equal(3, counters.Gets);

        // A reset throws away what stands in our kernel's buffer, an orderly end does not.
        Assert.InRange(counters.ResponseBytes, Size, style == CutStyle.Close ? Size : Size + 2_000_000);
        Assert.All(scene.Proxy.Requests.Where(IsGet), static r => Assert.NotNull(r.IfMatch));
        Assert.Equal(2, scene.Store.Counters.Retries);
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(500_000)]
    public async Task Read_AnswerStalls_IsGivenUpAndTakenFromAnotherConnection(long afterBytes)
    {
        await using Scene scene = await OpenAsync(stall: s_short);
        scene.Proxy.Inject(Fault.Stall(afterBytes) with { Count = 1, Where = IsGet });
        await scene.ReadAndCompareAsync(0, Size);
        Assert.Equal(1, scene.Store.Counters.Retries);
    }

    [SkippableFact]
    public async Task Read_SlowButSteady_IsNoFault()
    {
        // Twice as long in all as any silence may be, and a hundred times longer than any silence is.
        await using Scene scene = await OpenAsync(stall: TimeSpan.FromSeconds(3));
        scene.Proxy.Latency = TimeSpan.FromMilliseconds(200);
        scene.Proxy.BytesPerSecond = 500_000;
        await scene.ReadAndCompareAsync(0, Size);
        Assert.Equal(0, scene.Store.Counters.Errors);
        Assert.Equal(Size, scene.Store.Counters.Bytes);
    }

    [SkippableFact]
    public async Task Read_ObjectReplacedAfterACut_NeverMixesVersions()
    {
        await using Scene scene = await OpenAsync();
        using InjectedFault cut = scene.Proxy.Inject(Fault.Cut(1_000_000) with { Count = 1, Where = IsGet });
        using InjectedFault hold = scene.Proxy.Inject(Fault.BlackHole with { Skip = 1, Count = 1, Where = IsGet });
        StoreObject file = await scene.ObjectAsync();
        CollectingSink sink = new(Size);
        Task reading = scene.Store.ReadAsync(file, 0, Size, sink, UnderStoreContract.Limit());
        await hold.HitAsync(1, UnderStoreContract.Limit());
        await scene.PutAsync(UnderStoreContract.Content(Size - 1).Append((byte)0).ToArray());
        hold.Release();
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => reading);
        Assert.Equal(CacheError.VersionChanged, e.Error);
        Assert.Contains("mlp dataset sync", e.Message, StringComparison.Ordinal);
        Assert.True(_content.AsSpan(0, (int)sink.Received).SequenceEqual(sink.Data.AsSpan(0, (int)sink.Received)));
    }

    [SkippableFact]
    public async Task Read_StoreDown_WaitsWithinTheDeadlineAndGoesOn()
    {
        await using Scene scene = await OpenAsync();
        StoreObject file = await scene.ObjectAsync();
        scene.Proxy.StopListening();
        CollectingSink[] sinks = [.. Enumerable.Range(0, 20).Select(static _ => new CollectingSink(Size / 20))];
        Task[] reading = [.. sinks.Select((sink, i) => scene.Store.ReadAsync(file, (long)i * (Size / 20), Size / 20, sink, UnderStoreContract.Limit()))];
        while (scene.Store.Counters.Errors < 6)
        {
            await Task.Yield();
        }

        Assert.Equal(1, scene.Store.SuggestedParallelism); // Degraded: one probe at a time.
        scene.Proxy.Resume();
        await Task.WhenAll(reading);
        Assert.Equal(_content, sinks.SelectMany(static s => s.Data));
        Assert.True(scene.Store.SuggestedParallelism > 1);
    }

    [SkippableFact]
    public async Task Read_StoreDownPastTheDeadline_IsCancelledWithTheCause()
    {
        await using Scene scene = await OpenAsync();
        StoreObject file = await scene.ObjectAsync();
        scene.Proxy.StopListening();
        using CancellationTokenSource deadline = new();
        Task reading = scene.Store.ReadAsync(file, 0, Size, new CollectingSink(Size), deadline.Token);
        while (scene.Store.Counters.Errors < 2)
        {
            await Task.Yield();
        }

        await deadline.CancelAsync();
        OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        CacheException cause = Assert.IsType<CacheException>(e.InnerException);
        Assert.Equal(CacheError.Unreachable, cause.Error);
        Assert.Contains("refused the connection", cause.Message, StringComparison.Ordinal);
        Assert.Equal(0, scene.Store.Connections.Busy);
    }

    [SkippableFact]
    public async Task Read_CancelledInABlackHole_EndsAtOnceAndClosesTheConnection()
    {
        await using Scene scene = await OpenAsync();
        StoreObject file = await scene.ObjectAsync();
        using InjectedFault hole = scene.Proxy.Inject(Fault.BlackHole with { Where = IsGet });
        using CancellationTokenSource cancel = new();
        Task reading = scene.Store.ReadAsync(file, 0, Size, new CollectingSink(Size), cancel.Token);
        await hole.HitAsync(1, UnderStoreContract.Limit());
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, scene.Store.Connections.Busy);
    }

    [SkippableFact]
    public async Task Read_WithoutFaults_CostsOneRequestAndItsBytes()
    {
        await using Scene scene = await OpenAsync();
        StoreObject file = await scene.ObjectAsync();
        ProxyCounters before = scene.Proxy.Counters;
        for (int i = 0; i < 50; i++)
        {
            await scene.Store.ReadAsync(file, i * 1000, 1000, new CollectingSink(1000), UnderStoreContract.Limit());
        }

        ProxyCounters used = scene.Proxy.Counters - before;
        Assert.Equal((50, 50, 50_000), (used.Gets, used.Requests, used.ResponseBytes));
        Assert.Equal(0, used.Connections); // The one that HEAD and LIST used before.
    }

    [SkippableFact]
    public async Task Listing_PagesFail_IsTriedAgainAndWhole()
    {
        await using Scene scene = await OpenAsync();
        scene.Proxy.Inject(Fault.SlowDown with { Count = 1, Where = static r => r.Kind == RequestKind.List });
        scene.Proxy.Inject(Fault.Cut(40) with { Count = 1, Skip = 1, Where = static r => r.Kind == RequestKind.List });
        StoreEntry entry = Assert.Single(await UnderStoreContract.ListDirectoryAsync(scene.Store, ""));
        Assert.Equal(Size, entry.Size);
        Assert.Equal(2, scene.Store.Counters.Retries);
    }

    [SkippableFact]
    public async Task Check_WrongSecret_SaysSo()
    {
        await using Scene scene = await OpenAsync();
        using TestCredentials wrong = new(scene.Backend.AccessKey, "not the secret");
        CacheException e = await CheckFailsAsync(scene, new UnderStoreOptions { Credentials = wrong.Reference });
        Assert.Equal(CacheError.Unauthenticated, e.Error);
        Assert.Contains("refuses the secret key", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("not the secret", e.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(scene.Backend.SecretKey, e.ToString(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Check_UnknownKey_SaysSo()
    {
        await using Scene scene = await OpenAsync();
        using TestCredentials wrong = new("AKNOBODY", "secret");
        CacheException e = await CheckFailsAsync(scene, new UnderStoreOptions { Credentials = wrong.Reference });
        Assert.Equal(CacheError.Unauthenticated, e.Error);
        Assert.Contains("does not know the access key", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Check_AnonymousOnAPrivateBucket_SaysSo()
    {
        await using Scene scene = await OpenAsync();
        CacheException e = await CheckFailsAsync(scene, new UnderStoreOptions { Anonymous = true });
        Assert.Equal(CacheError.AccessDenied, e.Error);
        Assert.Contains("drop --anonymous", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Check_MissingBucket_NamesIt()
    {
        await using Scene scene = await OpenAsync();
        CacheException e = await CheckFailsAsync(scene, new UnderStoreOptions { Credentials = scene.Credentials.Reference }, "s3://no-such-bucket-here/x");
        Assert.Equal(CacheError.NotFound, e.Error);
        Assert.Contains("no-such-bucket-here", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Check_Refused_SaysSoAtOnce()
    {
        await using Scene scene = await OpenAsync();
        scene.Proxy.StopListening();
        CacheException e = await CheckFailsAsync(scene, new UnderStoreOptions { Credentials = scene.Credentials.Reference });
        Assert.Equal(CacheError.Unreachable, e.Error);
        Assert.Contains("refused the connection", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Check_BlackHole_EndsWithinTenSeconds()
    {
        await using Scene scene = await OpenAsync();
        scene.Proxy.Inject(Fault.BlackHole);
        long start = TimeProvider.System.GetTimestamp();
        CacheException e = await CheckFailsAsync(scene, new UnderStoreOptions { Credentials = scene.Credentials.Reference });
        Assert.Equal(CacheError.Unreachable, e.Error);
        Assert.Contains("did not answer", e.Message, StringComparison.Ordinal);

        // Ten seconds is what users are promised; the rest is for a machine that is busy.
        Assert.InRange(TimeProvider.System.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [SkippableFact]
    public async Task Check_NoSuchHost_SaysSo()
    {
        await using Scene scene = await OpenAsync();
        CacheException e = await CheckFailsAsync(scene, new UnderStoreOptions { Credentials = scene.Credentials.Reference }, endpoint: "http://no-such-host.invalid");
        Assert.Equal(CacheError.Unreachable, e.Error);
        Assert.Contains("cannot be resolved", e.Message, StringComparison.Ordinal);
    }

    private static bool IsGet(ProxiedRequest request) => request.Kind == RequestKind.GetObject;

    private static async Task<CacheException> CheckFailsAsync(Scene scene, UnderStoreOptions options, string? uri = null, string? endpoint = null)
    {
        await using IUnderStore store = UnderStoreFactory.Open(uri ?? $"s3://{scene.Backend.Bucket}", options with { EndpointUrl = endpoint ?? scene.Proxy.Endpoint.ToString() }, TimeProvider.System, NullLoggerFactory.Instance);
        return await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(UnderStoreContract.Limit()));
    }

    private async Task<Scene> OpenAsync(TimeSpan? stall = null)
    {
        Backend backend = await StartAsync();
        FaultProxy proxy = await FaultProxy.StartAsync(FaultProxyOptions.For(backend.Endpoint) with { RecordedRequests = 1000 });
        Scene scene = new(backend, proxy, stall ?? TimeSpan.FromSeconds(30), _content);
        await scene.PutAsync(_content);
        return scene;
    }

    /// <summary>A server with one empty bucket.</summary>
    internal sealed record Backend(Uri Endpoint, string AccessKey, string SecretKey, string Bucket, IAsyncDisposable? Owner);

    private sealed class Scene : IAsyncDisposable
    {
        private readonly byte[] _content;

        public Scene(Backend backend, FaultProxy proxy, TimeSpan stall, byte[] content)
        {
            Backend = backend;
            Proxy = proxy;
            _content = content;
            Credentials = new TestCredentials(backend.AccessKey, backend.SecretKey);
            Store = (S3UnderStore)UnderStoreFactory.Open(
                $"s3://{backend.Bucket}",
                new UnderStoreOptions { EndpointUrl = proxy.Endpoint.ToString(), Credentials = Credentials.Reference, StallTimeout = stall, FirstByteTimeout = stall },
                TimeProvider.System,
                NullLoggerFactory.Instance);
        }

        public Backend Backend { get; }

        public FaultProxy Proxy { get; }

        public TestCredentials Credentials { get; }

        public S3UnderStore Store { get; }

        public Task PutAsync(byte[] content) => Task.Run(() =>
        {
            using S3Lite client = new(Backend.Endpoint, new S3Signer(Backend.AccessKey, Backend.SecretKey));
            client.Put(Backend.Bucket, "file", content);
        });

        public Task<StoreObject> ObjectAsync() => UnderStoreContract.ObjectAsync(Store, "file");

        public async Task ReadAndCompareAsync(long offset, long count) => await ReadAndCompareAsync(await ObjectAsync(), offset, count);

        public async Task ReadAndCompareAsync(StoreObject file, long offset, long count)
        {
            CollectingSink sink = new(count);
            await Store.ReadAsync(file, offset, count, sink, UnderStoreContract.Limit());
            Assert.True(_content.AsSpan((int)offset, (int)count).SequenceEqual(sink.Data));
            Assert.Equal(0, Store.Connections.Busy);
        }

        public async ValueTask DisposeAsync()
        {
            await Store.DisposeAsync();
            await Proxy.DisposeAsync();
            Credentials.Dispose();
            if (Backend.Owner is not null)
            {
                await Backend.Owner.DisposeAsync();
            }
        }
    }
}
