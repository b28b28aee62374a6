using MLPlatform.Tiers;
using Xunit;

namespace MLPlatform.Tests.Tiers;

public sealed class CacheDeviceOptionsTests
{
    [Fact]
    public void Parse_DirectorySizeAndTier_AreRead() =>
        Assert.Equal(new CacheDeviceOptions("/nvme/mlp", 100L << 30, "fast"), CacheDeviceOptions.Parse("/nvme/mlp,size=100GiB,tier=fast"));

    [Theory]
    [InlineData("", "no directory")]
    [InlineData("/a,size=big", "'big'")]
    [InlineData("/a,size=0", "'0'")]
    [InlineData("/a,tier=a b", "'a b'")]
    [InlineData("/a,speed=9", "'speed'")]
    public void Parse_WhatCannotWork_IsNamed(string text, string named) =>
        Assert.Contains(named, Assert.Throws<FormatException>(() => CacheDeviceOptions.Parse(text)).Message, StringComparison.Ordinal);
}
