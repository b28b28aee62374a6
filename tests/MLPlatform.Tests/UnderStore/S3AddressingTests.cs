using MLPlatform.Core;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.Http;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

public sealed class S3AddressingTests
{
    [Theory]
    [InlineData("bucket", null, null, "eu-west-1", "https://bucket.s3.eu-west-1.amazonaws.com", "")]
    [InlineData("bucket", null, true, "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "/bucket")]
    [InlineData("dotted.bucket", null, null, "us-east-1", "https://s3.us-east-1.amazonaws.com", "/dotted.bucket")]
    [InlineData("bucket", null, null, "cn-north-1", "https://bucket.s3.cn-north-1.amazonaws.com.cn", "")]
    [InlineData("bucket", "http://localhost:9000", null, "us-east-1", "http://localhost:9000", "/bucket")]
    [InlineData("tenant:bucket", "http://127.0.0.1:7480/", null, "us-east-1", "http://127.0.0.1:7480", "/tenant%3Abucket")]
    [InlineData("bucket", "https://gateway.test/s3/", null, "us-east-1", "https://gateway.test", "/s3/bucket")]
    [InlineData("bucket", "https://store.test", false, "us-east-1", "https://bucket.store.test", "")]
    [InlineData("bucket", "http://[::1]:9000", null, "us-east-1", "http://[::1]:9000", "/bucket")]
    public void Locate_Bucket_IsWhereTheSdksLook(string bucket, string? endpoint, bool? pathStyle, string region, string origin, string prefix)
    {
        (HttpOrigin found, string pathPrefix) = Make(bucket, new UnderStoreOptions { EndpointUrl = endpoint, PathStyle = pathStyle }).Locate(region);
        Assert.Equal((origin, prefix), (found.ToString(), pathPrefix));
    }

    [Theory]
    [InlineData("bucket/", "s3://bucket", "")]
    [InlineData("bucket/a/b/", "s3://bucket/a/b", "a/b")]
    [InlineData("bucket//x%20 y/../", "s3://bucket//x%20 y/..", "/x%20 y/..")]
    public void Uri_KeepsEveryByteButTheLastSlash(string rest, string uri, string prefix)
    {
        S3Addressing addressing = Make(rest, new UnderStoreOptions());
        Assert.Equal((uri, prefix), (addressing.Uri, addressing.Prefix));
    }

    [Theory]
    [InlineData("", null, "names no bucket")]
    [InlineData("bad bucket/x", null, "holds the character ' '")]
    [InlineData("b", "localhost:9000", "http://localhost:9000")]
    [InlineData("b", "ftp://x", "no http:// or https:// URL")]
    [InlineData("b", "http://user:pass@x", "credentials by reference")]
    public void Bad_IsConfigurationWithTheRemedy(string rest, string? endpoint, string part)
    {
        CacheException e = Assert.Throws<CacheException>(() => Make(rest, new UnderStoreOptions { EndpointUrl = endpoint }));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("pass", e.Message.Replace("password", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Region_WithEndpointAndNothingElse_IsUsEast1() =>
        Assert.Equal("us-east-1", Make("b", new UnderStoreOptions { EndpointUrl = "http://x" }).Region);

    [Theory]
    [InlineData("AWS_REGION", "eu-west-3", "https://b.s3.eu-west-3.amazonaws.com")]
    [InlineData("AWS_ENDPOINT_URL", "http://e:1", "http://e:1")]
    [InlineData("AWS_ENDPOINT_URL_S3", "http://e:2", "http://e:2")]
    public void Environment_IsReadAsTheSdksReadIt(string name, string value, string origin)
    {
        S3Addressing addressing = Make("b", new UnderStoreOptions(), n => n == name ? value : null);
        Assert.Equal(origin, addressing.Locate(addressing.Region).Origin.ToString());
    }

    [Fact]
    public async Task AuthoritiesFile_ThatCannotBeRead_MattersToHttpsOnly()
    {
        static string? Variable(string name) => name == "AWS_CA_BUNDLE" ? "/no/such/bundle.pem" : null;
        S3Target plain = Make("b", new UnderStoreOptions { EndpointUrl = "http://127.0.0.1:1" }, Variable).For("us-east-1");
        await plain.Pool.DisposeAsync();
        CacheException e = Assert.Throws<CacheException>(() => Make("b", new UnderStoreOptions { EndpointUrl = "https://127.0.0.1:1" }, Variable).For("us-east-1"));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains("/no/such/bundle.pem", e.Message, StringComparison.Ordinal);
    }

    private static S3Addressing Make(string rest, UnderStoreOptions options, Func<string, string?>? variable = null) =>
        new(rest, options with { Anonymous = true }, TimeProvider.System, variable ?? (static _ => null));
}
