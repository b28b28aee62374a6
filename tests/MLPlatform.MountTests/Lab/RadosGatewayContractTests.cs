using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.MountTests.Lab;

[Collection(RadosGatewayFixture.Collection)]
public sealed class RadosGatewayContractTests(RadosGatewayFixture fixture) : OriginContract
{
    protected override Task<(S3Lite Store, string Bucket)?> OpenAsync() => Task.FromResult<(S3Lite, string)?>(
        RadosGateway.SkipReason is null ? (fixture.Gateway.Connect(), fixture.Gateway.NewBucket()) : null);

    protected override Task CloseAsync() => Task.CompletedTask;

    protected override void RequireStore() => Skip.If(RadosGateway.SkipReason is not null, RadosGateway.SkipReason);
}
