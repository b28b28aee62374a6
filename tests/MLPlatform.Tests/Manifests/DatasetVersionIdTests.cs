using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Manifests;

public sealed class DatasetVersionIdTests
{
    private static readonly DatasetVersionId s_one = Parse("00ab" + new string('1', 60));
    private static readonly DatasetVersionId s_two = Parse("00ab" + new string('2', 60));

    [Fact]
    public void TryParse_WithAndWithoutScheme_RoundTrips()
    {
        Assert.True(DatasetVersionId.TryParse("sha256:" + s_one.Hex, out DatasetVersionId again));
        Assert.Equal(s_one, again);
        Assert.Equal("sha256:00ab" + new string('1', 60), s_one.ToString());
        Assert.Equal("sha256:00ab11111111", s_one.Short);
        Assert.True(DatasetVersionId.TryParse(s_one.Hex.ToUpperInvariant(), out again));
        Assert.Equal(s_one, again);
        Assert.True(s_one < s_two);
        byte[] bytes = new byte[32];
        s_two.CopyTo(bytes);
        Assert.Equal(s_two, DatasetVersionId.FromBytes(bytes));
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256:")]
    [InlineData("sha256:00ab")]
    [InlineData("sha1:0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("g000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("sha256:00000000000000000000000000000000000000000000000000000000000000000")]
    public void TryParse_WhatIsNoVersion_IsRefused(string text) => Assert.False(DatasetVersionId.TryParse(text, out _));

    [Fact]
    public void Resolve_OfPrefixes_FindsTheOneOrSaysWhyNot()
    {
        DatasetVersionId[] all = [s_one, s_two];
        Assert.Equal(s_one, DatasetVersionId.Resolve("00ab1", all, "birds"));
        Assert.Equal(s_two, DatasetVersionId.Resolve("sha256:00AB2", all, "birds"));
        Assert.Equal(s_two, DatasetVersionId.Resolve("sha256:00ab2", [s_two, s_two], "birds"));
        Assert.Equal((CacheError.Configuration, true), Fault("00ab", "more than one version"));
        Assert.Equal((CacheError.NotFound, true), Fault("ffff", "mlp dataset versions birds"));
        Assert.Equal((CacheError.Configuration, true), Fault("00a", "at least 4"));
        Assert.Equal((CacheError.Configuration, true), Fault("latest", "is no version"));

        (CacheError, bool) Fault(string prefix, string says)
        {
            CacheException e = Assert.Throws<CacheException>(() => DatasetVersionId.Resolve(prefix, all, "birds"));
            return (e.Error, e.Message.Contains(says, StringComparison.Ordinal));
        }
    }

    private static DatasetVersionId Parse(string hex) => DatasetVersionId.TryParse(hex, out DatasetVersionId id) ? id : throw new FormatException(hex);
}
