using System.Text;
using MLPlatform.Lab;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.Http;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

/// <summary>The signer against the examples AWS publishes for S3, and whole requests against the lab's independent signer.</summary>
public sealed class SigV4Tests
{
    private const string AccessKey = "AKIAIOSFODNN7EXAMPLE";
    private const string Secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    private const string EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private static readonly DateTimeOffset s_day = new(2013, 5, 24, 0, 0, 0, TimeSpan.Zero);

    // "Examples: Signature Calculations" in the S3 API reference, "Authenticating Requests: Using the Authorization Header".
    [Theory]
    [InlineData(
        "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\nx-amz-content-sha256:" + EmptyHash + "\nx-amz-date:20130524T000000Z\n\nhost;range;x-amz-content-sha256;x-amz-date\n" + EmptyHash,
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")]
    [InlineData(
        "GET\n/\nlifecycle=\nhost:examplebucket.s3.amazonaws.com\nx-amz-content-sha256:" + EmptyHash + "\nx-amz-date:20130524T000000Z\n\nhost;x-amz-content-sha256;x-amz-date\n" + EmptyHash,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")]
    [InlineData(
        "GET\n/\nmax-keys=2&prefix=J\nhost:examplebucket.s3.amazonaws.com\nx-amz-content-sha256:" + EmptyHash + "\nx-amz-date:20130524T000000Z\n\nhost;x-amz-content-sha256;x-amz-date\n" + EmptyHash,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]
    public void Sign_PublishedExample_GivesThePublishedSignature(string canonical, string expected)
    {
        byte[] signature = new byte[SigV4.SignatureBytes];
        SigV4.Sign(Encoding.ASCII.GetBytes(canonical), "20130524T000000Z"u8, "20130524/us-east-1/s3/aws4_request"u8, SigV4.DeriveKey(Secret, "20130524", "us-east-1", "s3"), signature);
        Assert.Equal(expected, Encoding.ASCII.GetString(signature));
    }

    [Fact]
    public void Write_PublishedListExample_GivesThePublishedHeader()
    {
        using TargetScope scope = new("examplebucket", endpoint: null);
        ByteWriter writer = new(16);
        new S3Request(false, null, "max-keys=2&prefix=J"u8.ToArray())
            .Write(writer, new ByteWriter(16), scope.ForHost("examplebucket.s3.amazonaws.com"), new S3Credentials(AccessKey, Secret, null), new AmzDate(s_day), Encoding.ASCII.GetBytes(EmptyHash));
        string text = Encoding.ASCII.GetString(writer.Written);
        Assert.StartsWith("GET /?max-keys=2&prefix=J HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n", text, StringComparison.Ordinal);
        Assert.Contains(
            $"Authorization: AWS4-HMAC-SHA256 Credential={AccessKey}/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\r\n",
            text,
            StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain", null)]
    [InlineData("a b+c%2F/ü/../x//~'()*", "session/token+=")]
    public void Write_AnyKey_AgreesWithAnIndependentSigner(string key, string? token)
    {
        using TargetScope scope = new("my-bucket", "http://store.test:9000");
        S3Target target = scope.Target;
        ByteWriter writer = new(16);
        S3Request request = new(false, Encoding.UTF8.GetBytes(key), "a=1&b=%20"u8.ToArray(), 5, 9, "etag"u8.ToArray());
        request.Write(writer, new ByteWriter(16), target, new S3Credentials(AccessKey, Secret, token), new AmzDate(s_day), SigV4.UnsignedPayload);

        string[] lines = Encoding.ASCII.GetString(writer.Written).Split("\r\n");
        string[] first = lines[0].Split(' ');
        string[] parts = first[1].Split('?');
        List<(string, string)> headers = [("host", "store.test:9000"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("x-amz-date", "20130524T000000Z")];
        if (token is not null)
        {
            headers.Add(("x-amz-security-token", token));
            Assert.Contains("x-amz-security-token:" + token, lines);
        }

        string expected = new S3Signer(AccessKey, Secret).Sign("GET", parts[0], parts[1], headers, S3Signer.UnsignedPayload, "20130524T000000Z");
        Assert.Contains("Authorization: " + expected, lines);
        Assert.Contains("Range: bytes=5-9", lines);
        Assert.Contains("If-Match: \"etag\"", lines);
    }

    [Fact]
    public void Write_WithoutCredentials_SignsNothing()
    {
        using TargetScope scope = new("b", "http://store.test:9000");
        ByteWriter writer = new(16);
        new S3Request(true, "k"u8.ToArray(), []).Write(writer, new ByteWriter(16), scope.Target, null, new AmzDate(s_day), SigV4.UnsignedPayload);
        Assert.Equal("HEAD /b/k HTTP/1.1\r\nHost: store.test:9000\r\nUser-Agent: mlp\r\n\r\n", Encoding.ASCII.GetString(writer.Written));
    }

    [Fact]
    public void Credentials_Text_ShowsNoSecret() => Assert.DoesNotContain("wJalr", new S3Credentials(AccessKey, Secret, "tok").ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData("a b", "a%20b")]
    [InlineData("+%/ü~", "%2B%25/%C3%BC~")]
    public void Encode_AnyText_IsAsS3Signs(string text, string expected)
    {
        ByteWriter writer = new(1);
        S3Encoding.Encode(writer, Encoding.UTF8.GetBytes(text), keepSlash: true);
        Assert.Equal(expected, Encoding.ASCII.GetString(writer.Written));
    }

    [Theory]
    [InlineData("a+b%2Bc%20d%2F%C3%BC", "a b+c d/ü")]
    [InlineData("plain/key", "plain/key")]
    [InlineData("odd%zz%4", "odd%zz%4")]
    public void Decode_UrlEncodedKey_IsRaw(string text, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(S3Encoding.Decode(Encoding.ASCII.GetBytes(text))));

    /// <summary>A target that is never connected to.</summary>
    private sealed class TargetScope : IDisposable
    {
        private readonly List<S3Target> _targets = [];

        public TargetScope(string bucket, string? endpoint)
        {
            Target = new S3Addressing(bucket, new UnderStoreOptions { EndpointUrl = endpoint, Region = "us-east-1" }, TimeProvider.System, static _ => null).For("us-east-1");
            _targets.Add(Target);
        }

        public S3Target Target { get; }

        public S3Target ForHost(string host)
        {
            HttpConnector connector = new(new HttpOrigin(true, host, 443), null, null);
            S3Target target = new("us-east-1", connector, new HttpConnectionPool(connector, TimeProvider.System, new HttpTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)), 1), "");
            _targets.Add(target);
            return target;
        }

        public void Dispose()
        {
            foreach (S3Target target in _targets)
            {
                target.Pool.DisposeAsync().AsTask().Wait();
            }
        }
    }
}
