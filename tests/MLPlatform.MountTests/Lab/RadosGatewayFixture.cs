using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.MountTests.Lab;

/// <summary>The one radosgw of a test run: <c>[Collection(RadosGatewayFixture.Collection)]</c> and a constructor parameter.</summary>
public sealed class RadosGatewayFixture : IAsyncLifetime
{
    public const string Collection = "radosgw";

    private RadosGateway? _gateway;

    /// <summary>Skips the calling test where there is none.</summary>
    public RadosGateway Gateway
    {
        get
        {
            Skip.If(RadosGateway.SkipReason is not null, RadosGateway.SkipReason);
            return _gateway!;
        }
    }

    public async Task InitializeAsync()
    {
        if (RadosGateway.SkipReason is null)
        {
            _gateway = await RadosGateway.StartAsync();
        }
    }

    public async Task DisposeAsync()
    {
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }
    }
}
