using Xunit;

namespace MLPlatform.MountTests.Lab;

[CollectionDefinition(RadosGatewayFixture.Collection)]
public sealed class RadosGatewayDefinition : ICollectionFixture<RadosGatewayFixture>;
