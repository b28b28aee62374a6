using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Lab;

/// <summary>The worked examples of "Signature Calculations for the Authorization Header" in the Amazon S3 API reference.</summary>
public sealed class S3SignerTests
{
    private const string Time = "20130524T000000Z";
    private const string Host = "examplebucket.s3.amazonaws.com";

    private static readonly S3Signer s_signer = new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

    [Fact]
    public void Sign_GetObjectWithRange_GivesTheDocumentedField() =>
        Assert.Equal(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            s_signer.Sign("GET", "/test.txt", "", Headers(S3Signer.EmptyPayload, ("range", "bytes=0-9")), S3Signer.EmptyPayload, Time));

    [Fact]
    public void Sign_PutObject_GivesTheDocumentedSignature()
    {
        string hash = S3Signer.HashOf("Welcome to Amazon S3."u8);
        string field = s_signer.Sign(
            "PUT", "/test%24file.text", "", Headers(hash, ("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")), hash, Time);
        Assert.EndsWith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", field);
    }

    [Theory]
    [InlineData("lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")]
    [InlineData("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]
    [InlineData("prefix=J&max-keys=2", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]
    public void Sign_BucketQueries_GiveTheDocumentedSignature(string query, string signature) =>
        Assert.EndsWith("Signature=" + signature, s_signer.Sign("GET", "/", query, Headers(S3Signer.EmptyPayload), S3Signer.EmptyPayload, Time));

    [Theory]
    [InlineData("a b+c/ü€😀~%2F", "a%20b%2Bc/%C3%BC%E2%82%AC%F0%9F%98%80~%252F")]
    [InlineData("", "")]
    public void Escape_AnyText_ComesBack(string text, string escaped)
    {
        Assert.Equal(escaped, S3Escape.Escape(text, keepSlash: true));
        Assert.Equal(text, S3Escape.Unescape(escaped));
    }

    [Fact]
    public void Unescape_BrokenEscapes_StayAsTheyStand() => Assert.Equal("100%/%zz/%4", S3Escape.Unescape("100%/%zz/%4"));

    private static (string, string)[] Headers(string payload, params (string, string)[] more) =>
        [("host", Host), ("x-amz-content-sha256", payload), ("x-amz-date", Time), .. more];
}
