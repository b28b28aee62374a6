using MLPlatform.Lab;

namespace MLPlatform.MountTests.Lab;

public sealed class LightOriginContractTests : OriginContract
{
    private LightOrigin _origin = null!;

    protected override async Task<(S3Lite Store, string Bucket)?> OpenAsync()
    {
        _origin = await LightOrigin.StartAsync(new MemorySource("contract"), new LightOriginOptions { AccessKey = "AK", SecretKey = "SK" });
        return (new S3Lite(_origin.Endpoint, new S3Signer("AK", "SK")), "contract");
    }

    protected override Task CloseAsync() => _origin.DisposeAsync().AsTask();

    protected override void RequireStore()
    {
        // It is part of the test.
    }
}
