using MLPlatform.Lab;

namespace MLPlatform.Bench.Stores;

/// <summary>A store to measure against, with what candidates must know to reach it, and a proxy that can stand in front of it.</summary>
internal abstract class BenchStore : IAsyncDisposable
{
    private FaultProxy? _proxy;

    public abstract string Name { get; }

    /// <summary>What stands in front, or null.</summary>
    public FaultProxy? Proxy => _proxy;

    /// <summary>Of the store itself.</summary>
    public abstract Uri Origin { get; }

    public abstract string? AccessKey { get; }

    public abstract string? SecretKey { get; }

    /// <summary>Where clients go: the proxy while there is one.</summary>
    public Uri Endpoint => _proxy?.Endpoint ?? Origin;

    public S3Signer? Signer => AccessKey is null ? null : new S3Signer(AccessKey, SecretKey!);

    /// <summary>Object GETs and their bytes so far; null where the store does not tell.</summary>
    public abstract OriginTotals? Totals { get; }

    /// <summary>Starts the store that <c>--store</c> names: light or radosgw.</summary>
    public static async Task<BenchStore> StartAsync(string name) => name switch
    {
        "light" => await LightStore.StartAsync(),
        "radosgw" => await GatewayStore.StartAsync(),
        _ => throw new ArgumentException($"--store {name} is unknown: light or radosgw"),
    };

    /// <summary>Makes a bucket of the files.</summary>
    public abstract Task AddAsync(string bucket, TreeSpec spec);

    public RawClient Raw(string bucket, int connections) =>
        new(new RawClientOptions { Endpoint = Endpoint, Bucket = bucket, Connections = connections, Signer = Signer });

    /// <summary>Puts a proxy with a round trip and a rate in front, or takes it away again.</summary>
    /// <param name="bytesPerSecond">0 is no limit.</param>
    public async Task ShapeAsync(TimeSpan latency, long bytesPerSecond)
    {
        await UnshapeAsync();
        _proxy = await FaultProxy.StartAsync(Origin);
        _proxy.Latency = latency;
        _proxy.BytesPerSecond = bytesPerSecond;
    }

    public async Task UnshapeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
            _proxy = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await UnshapeAsync();
        await StopAsync();
    }

    protected abstract ValueTask StopAsync();
}
