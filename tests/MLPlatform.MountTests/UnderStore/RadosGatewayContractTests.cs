using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Lab;
using MLPlatform.MountTests.Lab;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>The contract over S3 on Ceph's radosgw, a server of somebody else's making.</summary>
[Collection(RadosGatewayFixture.Collection)]
public sealed class RadosGatewayContractTests(RadosGatewayFixture fixture) : UnderStoreContract
{
    internal override Task<ContractStore> OpenAsync() => Task.FromResult<ContractStore>(new GatewayStore(fixture.Gateway, fixture.Gateway.NewBucket()));

    private sealed class GatewayStore : ContractStore
    {
        private const string Prefix = "some/prefix";

        private readonly S3Lite _client;
        private readonly string _bucket;
        private readonly TestCredentials _credentials;

        public GatewayStore(RadosGateway gateway, string bucket)
        {
            _bucket = bucket;
            _client = gateway.Connect();
            _credentials = new TestCredentials(gateway.AccessKey, gateway.SecretKey);
            Store = UnderStoreFactory.Open($"s3://{bucket}/{Prefix}", new UnderStoreOptions { EndpointUrl = gateway.Endpoint.ToString(), Credentials = _credentials.Reference }, TimeProvider.System, NullLoggerFactory.Instance);
        }

        public override IUnderStore Store { get; }

        public override bool IsObjectStore => true;

        public override Task PutAsync(string path, byte[] content) => Task.Run(() => _client.Put(_bucket, $"{Prefix}/{path}", content));

        public override Task DeleteAsync(string path) => Task.Run(() => _client.Delete(_bucket, $"{Prefix}/{path}"));

        public override int OpenHandles() => ((S3UnderStore)Store).Connections.Busy;

        public override async ValueTask DisposeAsync()
        {
            await Store.DisposeAsync();
            _client.Dispose();
            _credentials.Dispose();
        }
    }
}
