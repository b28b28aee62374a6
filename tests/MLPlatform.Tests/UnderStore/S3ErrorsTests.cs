using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

public sealed class S3ErrorsTests
{
    [Theory]
    [InlineData(404, "NoSuchBucket", CacheError.NotFound, "bucket 'b' does not exist")]
    [InlineData(404, "NoSuchKey", CacheError.NotFound, "mlp dataset sync")]
    [InlineData(412, "PreconditionFailed", CacheError.VersionChanged, "mlp dataset sync")]
    [InlineData(416, "InvalidRange", CacheError.VersionChanged, "s3://b/k")]
    [InlineData(403, "SignatureDoesNotMatch", CacheError.Unauthenticated, "AWS_SECRET_ACCESS_KEY")]
    [InlineData(403, "InvalidAccessKeyId", CacheError.Unauthenticated, "AWS_ACCESS_KEY_ID")]
    [InlineData(400, "ExpiredToken", CacheError.Unauthenticated, "has expired")]
    [InlineData(403, "RequestTimeTooSkewed", CacheError.Unauthenticated, "clock")]
    [InlineData(403, "AccessDenied", CacheError.AccessDenied, "s3:GetObject")]
    [InlineData(403, "", CacheError.AccessDenied, "may not be read")]
    [InlineData(401, "", CacheError.Unauthenticated, "asks for credentials")]
    [InlineData(403, "InvalidObjectState", CacheError.DeadlineExceeded, "DEEP_ARCHIVE")]
    [InlineData(503, "SlowDown", CacheError.Throttled, "slow down")]
    [InlineData(503, "", CacheError.Throttled, "slow down")]
    [InlineData(429, "", CacheError.Throttled, "slow down")]
    [InlineData(500, "InternalError", CacheError.Unreachable, "failed")]
    [InlineData(502, "", CacheError.Unreachable, "502")]
    [InlineData(400, "RequestTimeout", CacheError.Unreachable, "RequestTimeout")]
    [InlineData(301, "PermanentRedirect", CacheError.Configuration, "elsewhere")]
    [InlineData(400, "InvalidRequest", CacheError.Unsupported, "answered 400 InvalidRequest")]
    [InlineData(405, "MethodNotAllowed", CacheError.Unsupported, "S3 service")]
    public void From_Answer_IsTheFaultAUserUnderstands(int status, string code, CacheError error, string part)
    {
        S3Target target = new S3Addressing("b", new UnderStoreOptions { EndpointUrl = "http://store.test:1", Anonymous = true }, TimeProvider.System, static _ => null).For("us-east-1");
        byte[] body = Encoding.UTF8.GetBytes($"<Error><Code>{code}</Code><Message>it &amp; broke</Message><StorageClass>DEEP_ARCHIVE</StorageClass><StringToSign>hidden</StringToSign></Error>");
        CacheException e = S3Errors.From(ErrorAnswer.Parse(status, body, "", ""), target, "b", "s3://b/k", isObject: true, isAnonymous: false);
        Assert.Equal(error, e.Error);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", e.Message, StringComparison.Ordinal);
        Assert.Equal(error is CacheError.Throttled or CacheError.Unreachable, e.IsTransient);
    }

    [Fact]
    public void From_HtmlPage_GoesByStatus()
    {
        ErrorAnswer answer = ErrorAnswer.Parse(502, "<html><Code>x</Code></html>"u8, null, null);
        Assert.Equal(("", "502"), (answer.Code, answer.Display));
    }
}
