using MLPlatform.Lab;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>The contract over S3 on the light origin, which checks signatures here.</summary>
public sealed class LightOriginContractTests : UnderStoreContract
{
    internal override async Task<ContractStore> OpenAsync() => await LightOriginStore.StartAsync();
}

/// <summary>The same on a server that ends its pages early, sends ETags bare and knows no ranges.</summary>
public sealed class OddOriginContractTests : UnderStoreContract
{
    internal override async Task<ContractStore> OpenAsync() =>
        await LightOriginStore.StartAsync(new LightOriginOptions { ShortPages = true, UnquotedETags = true, OmitAcceptRanges = true, IgnoreRanges = true });
}
