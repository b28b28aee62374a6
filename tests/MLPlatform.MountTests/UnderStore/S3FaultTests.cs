using MLPlatform.Lab;
using MLPlatform.MountTests.Lab;
using Xunit;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>Faults between us and radosgw.</summary>
[Collection(RadosGatewayFixture.Collection)]
public sealed class RadosGatewayFaultTests(RadosGatewayFixture fixture) : S3FaultContract
{
    internal override Task<Backend> StartAsync() =>
        Task.FromResult(new Backend(fixture.Gateway.Endpoint, fixture.Gateway.AccessKey, fixture.Gateway.SecretKey, fixture.Gateway.NewBucket(), null));
}

/// <summary>Faults between us and the light origin.</summary>
public sealed class LightOriginFaultTests : S3FaultContract
{
    internal override async Task<Backend> StartAsync()
    {
        LightOrigin origin = await LightOrigin.StartAsync(new MemorySource("bucket"), new LightOriginOptions { AccessKey = "AKID", SecretKey = "light secret" });
        return new Backend(origin.Endpoint, "AKID", "light secret", "bucket", origin);
    }
}
