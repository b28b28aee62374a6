using MLPlatform.Core;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

public sealed class UnderStoreUriTests
{
    private static readonly string[] s_schemes = ["file", "s3"];

    [Theory]
    [InlineData("s3://bucket", "s3", "bucket")]
    [InlineData("S3://bucket/a//b/../c%2F", "s3", "bucket/a//b/../c%2F")]
    [InlineData("file:///data", "file", "/data")]
    [InlineData("data/set:1", "file", "data/set:1")]
    [InlineData("/data/a://b", "file", "/data/a://b")]
    public void Parse_KnownSource_KeepsEveryByte(string text, string scheme, string rest)
    {
        UnderStoreUri uri = UnderStoreUri.Parse(text, s_schemes);
        Assert.Equal((scheme, rest), (uri.Scheme, uri.Rest));
    }

    [Theory]
    [InlineData("s4://bucket", "did you mean 's3://'?")]
    [InlineData("flie:///x", "did you mean 'file://'?")]
    [InlineData("gopher://x", "known are file://, s3:// and plain paths.")]
    [InlineData("s3:bucket/p", "did you mean 's3://bucket/p'?")]
    [InlineData("s3:/bucket", "did you mean 's3://bucket'?")]
    [InlineData("", "A source is empty")]
    public void Parse_Slip_NamesTheRightForm(string text, string hint)
    {
        CacheException e = Assert.Throws<CacheException>(() => UnderStoreUri.Parse(text, s_schemes));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains(hint, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file:///a//b/./c/", "/a/b/c")]
    [InlineData("file://localhost/a", "/a")]
    [InlineData("rel/x%20y", "/work dir/rel/x%20y")]
    [InlineData(".", "/work dir")]
    [InlineData("/", "/")]
    [InlineData("/no such/dir/../x", "/no such/x")]
    public void LocalPath_IsAbsoluteAndClean(string text, string expected) =>
        Assert.Equal(expected, UnderStoreUri.Parse(text, s_schemes).LocalPath("/work dir"));

    [Fact]
    public void LocalPath_DotDotBehindALink_IsWhatTheKernelMeans()
    {
        string root = Directory.CreateTempSubdirectory().FullName;
        try
        {
            Directory.CreateDirectory(root + "/real/inner");
            Directory.CreateSymbolicLink(root + "/link", root + "/real/inner");
            Assert.Equal(root + "/real", UnderStoreUri.Parse(root + "/link/..", s_schemes).LocalPath("/"));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void LocalPath_ForeignHost_Fails()
    {
        CacheException e = Assert.Throws<CacheException>(() => UnderStoreUri.Parse("file://data/set", s_schemes).LocalPath("/"));
        Assert.Contains("file:///data/set", e.Message, StringComparison.Ordinal);
    }
}
