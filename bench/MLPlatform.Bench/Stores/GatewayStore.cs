using MLPlatform.Lab;

namespace MLPlatform.Bench.Stores;

/// <summary>Ceph's radosgw over an in-memory store, asked with signatures. It takes about twice the data in memory.</summary>
internal sealed class GatewayStore : BenchStore
{
    private readonly RadosGateway _gateway;

    private GatewayStore(RadosGateway gateway) => _gateway = gateway;

    public override string Name => "radosgw";

    public override Uri Origin => _gateway.Endpoint;

    public override string? AccessKey => _gateway.AccessKey;

    public override string? SecretKey => _gateway.SecretKey;

    public override OriginTotals? Totals
    {
        get
        {
            if (!_gateway.HasCounters)
            {
                return null;
            }

            GatewayCounters counters = _gateway.ReadCounters();
            return new OriginTotals(counters.Gets, counters.Bytes);
        }
    }

    public static async Task<GatewayStore> StartAsync() => new(await RadosGateway.StartAsync());

    public override async Task AddAsync(string bucket, TreeSpec spec)
    {
        using S3Lite store = _gateway.Connect();
        store.CreateBucket(bucket);
        await TreeUploader.UploadAsync(store, bucket, "", spec);
    }

    protected override ValueTask StopAsync() => _gateway.DisposeAsync();
}
