using MLPlatform.Lab;

namespace MLPlatform.Bench.Stores;

/// <summary>The light origin with synthetic objects, asked without signatures.</summary>
internal sealed class LightStore : BenchStore
{
    private readonly LightOrigin _origin;
    private readonly MemorySource _source;

    private LightStore(LightOrigin origin, MemorySource source)
    {
        _origin = origin;
        _source = source;
    }

    public override string Name => "light";

    public override Uri Origin => _origin.Endpoint;

    public override string? AccessKey => null;

    public override string? SecretKey => null;

    public override OriginTotals? Totals => new OriginTotals(_origin.Counters.Gets, _origin.Counters.BodyBytes);

    public static async Task<LightStore> StartAsync()
    {
        MemorySource source = new();
        return new LightStore(await LightOrigin.StartAsync(source), source);
    }

    public override Task AddAsync(string bucket, TreeSpec spec)
    {
        _source.CreateBucket(bucket);
        spec.AddTo(_source, bucket);
        return Task.CompletedTask;
    }

    protected override ValueTask StopAsync() => _origin.DisposeAsync();
}
