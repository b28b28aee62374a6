using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Lab;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.S3;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>An S3 store over a light origin in this process.</summary>
internal sealed class LightOriginStore : ContractStore
{
    private const string Bucket = "bucket";
    private const string Prefix = "some/prefix";

    private readonly LightOrigin _origin;
    private readonly MemorySource _source;
    private readonly TestCredentials _credentials;

    private LightOriginStore(LightOrigin origin, MemorySource source, TestCredentials credentials)
    {
        _origin = origin;
        _source = source;
        _credentials = credentials;
        Store = UnderStoreFactory.Open($"s3://{Bucket}/{Prefix}", new UnderStoreOptions { EndpointUrl = origin.Endpoint.ToString(), Credentials = credentials.Reference }, TimeProvider.System, NullLoggerFactory.Instance);
    }

    public override IUnderStore Store { get; }

    public override bool IsObjectStore => true;

    public static async Task<LightOriginStore> StartAsync(LightOriginOptions? options = null)
    {
        MemorySource source = new(Bucket);
        source.Add(Bucket, "some/prefix-like", [1]); // Beside the root, never below it.
        source.Add(Bucket, "some/prefix", [1]);
        TestCredentials credentials = new("AKIDLIGHT", "light secret/+key");
        LightOrigin origin = await LightOrigin.StartAsync(source, (options ?? new LightOriginOptions()) with { AccessKey = "AKIDLIGHT", SecretKey = "light secret/+key" });
        return new LightOriginStore(origin, source, credentials);
    }

    public override Task PutAsync(string path, byte[] content)
    {
        _source.Add(Bucket, $"{Prefix}/{path}", content);
        return Task.CompletedTask;
    }

    public override Task DeleteAsync(string path)
    {
        _source.Delete(Bucket, $"{Prefix}/{path}");
        return Task.CompletedTask;
    }

    public override int OpenHandles() => ((S3UnderStore)Store).Connections.Busy;

    public override async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await _origin.DisposeAsync();
        _credentials.Dispose();
    }
}
