using MLPlatform.Core;
using MLPlatform.UnderStore.Http;

namespace MLPlatform.UnderStore.S3;

/// <summary>From what a server says to the fault a user reads: the one place where S3's codes are known. No message repeats what a server wrote about keys or signatures.</summary>
internal static class S3Errors
{
    /// <param name="subject">URI of the object, or of the store for a listing.</param>
    /// <param name="isObject">The request named an object.</param>
    /// <param name="isAnonymous">It was not signed.</param>
    public static CacheException From(ErrorAnswer answer, S3Target target, string bucket, string subject, bool isObject, bool isAnonymous)
    {
        switch (answer.Code)
        {
            case "NoSuchBucket":
                return new(CacheError.NotFound, $"The bucket '{bucket}' does not exist at {target.Origin}; check its name and --endpoint-url.");
            case "SlowDown" or "TooManyRequests" or "RequestLimitExceeded" or "ThrottlingException" or "Throttling":
                return Throttled(answer, target, subject);
            case "SignatureDoesNotMatch":
                return new(CacheError.Unauthenticated, $"{target.Origin} refuses the secret key (SignatureDoesNotMatch) for s3://{bucket}; check AWS_SECRET_ACCESS_KEY or the profile in use.");
            case "InvalidAccessKeyId":
                return new(CacheError.Unauthenticated, $"{target.Origin} does not know the access key (InvalidAccessKeyId) used for s3://{bucket}; check AWS_ACCESS_KEY_ID, the profile and --endpoint-url.");
            case "ExpiredToken" or "ExpiredTokenException" or "TokenRefreshRequired" or "RequestExpired":
                return new(CacheError.Unauthenticated, $"The session token for s3://{bucket} has expired; renew the credentials.");
            case "InvalidToken" or "InvalidSecurity" or "InvalidClientTokenId" or "NotSignedUp" or "CredentialsNotSupported" or "MissingSecurityHeader" or "InvalidRequest" when answer.Status is 400 or 401 or 403 && answer.Code != "InvalidRequest":
                return new(CacheError.Unauthenticated, $"{target.Origin} does not accept the credentials for s3://{bucket} ({answer.Code}); renew them.");
            case "RequestTimeTooSkewed":
                return new(CacheError.Unauthenticated, $"This machine's clock differs too much from that of {target.Origin} (RequestTimeTooSkewed); set it, for example by NTP.");
            case "AuthorizationHeaderMalformed" or "IllegalLocationConstraintException" or "PermanentRedirect" or "TemporaryRedirect":
                return WrongRegion(answer, target, bucket);
            case "InvalidObjectState":
                // Restoring takes hours, longer than any read waits: of the codes that readers see as EIO this is the one
                // that is neither tried again nor counted as corruption.
                return new(CacheError.DeadlineExceeded, $"{subject} is archived in storage class {answer.StorageClass ?? "GLACIER"} and cannot be read now; restore it first (aws s3api restore-object).");
            case "InvalidBucketName":
                return new(CacheError.Configuration, $"'{bucket}' is no valid bucket name at {target.Origin}.");
            case "RequestTimeout" or "InternalError" or "OperationAborted" or "IncompleteBody":
                return ServerFailed(answer, target, subject);
        }

        switch (answer.Status)
        {
            case 429 or 503:
                return Throttled(answer, target, subject);
            case 500 or 502 or 504 or 507 or 408 or 509:
                return ServerFailed(answer, target, subject);
            case 401:
                return new(CacheError.Unauthenticated, $"{target.Origin} asks for credentials for {subject} ({answer.Display}); {(isAnonymous ? "drop --anonymous and give some" : "check those in use")}.");
            case 403:
                return new(CacheError.AccessDenied, isAnonymous
                    ? $"{subject} is not public ({answer.Display}); give credentials and drop --anonymous."
                    : $"{subject} may not be read with these credentials ({answer.Display}); ask for {(isObject ? "s3:GetObject" : "s3:ListBucket")} on s3://{bucket}.");
            case 404:
                return new(CacheError.NotFound, isObject
                    ? $"{subject} is no longer there; run 'mlp dataset sync' to pin what is."
                    : $"{target.Origin} has no bucket '{bucket}' ({answer.Display}); check its name and --endpoint-url.");
            case 412:
                return Changed(subject);
            case 416:
                return Changed(subject);
            case 301 or 302 or 307 or 308:
                return WrongRegion(answer, target, bucket);
            default:
                return new(CacheError.Unsupported, $"{target.Origin} answered {answer.Display} for {subject}{(answer.Message.Length > 0 ? $" ({OneLine(answer.Message)})" : "")}; check that --endpoint-url is an S3 service.");
        }
    }

    public static CacheException From(HttpFault fault, S3Target target, string subject) =>
        new(CacheError.Unreachable, $"{subject} cannot be reached: {target.Origin} {fault.Message}{Remedy(fault.Kind)}.", fault);

    public static CacheException Changed(string subject) =>
        new(CacheError.VersionChanged, $"{subject} is no longer the version that this dataset pins; run 'mlp dataset sync' to pin the present one.");

    public static CacheException NotS3(S3Target target, string subject, string what) =>
        new(CacheError.Unsupported, $"{target.Origin} does not answer as S3 does for {subject}: {what}; check --endpoint-url.");

    /// <summary>Where a user can do something about it; the rest is the store's and is tried again.</summary>
    private static string Remedy(HttpFaultKind kind) => kind switch
    {
        HttpFaultKind.Refused => "; check --endpoint-url and that a server runs there",
        HttpFaultKind.TimedOut => "; check --endpoint-url and the network",
        HttpFaultKind.NoSuchHost => "; check --endpoint-url, --region and the name service",
        _ => "",
    };

    private static CacheException Throttled(ErrorAnswer answer, S3Target target, string subject) =>
        new(CacheError.Throttled, $"{target.Origin} asks to slow down ({answer.Display}) at {subject}.");

    private static CacheException ServerFailed(ErrorAnswer answer, S3Target target, string subject) =>
        new(CacheError.Unreachable, $"{target.Origin} failed ({answer.Display}) at {subject}.");

    private static CacheException WrongRegion(ErrorAnswer answer, S3Target target, string bucket) =>
        new(CacheError.Configuration, answer.Region is { } region
            ? $"The bucket '{bucket}' is in region '{region}', not '{target.Region}', and {target.Origin} does not serve it; give --region {region} and no --endpoint-url, or that region's."
            : $"{target.Origin} says that the bucket '{bucket}' is elsewhere ({answer.Display}) and not where; give --region or another --endpoint-url.");

    private static string OneLine(string text) => (text.Length > 200 ? text[..200] : text).ReplaceLineEndings(" ").Trim();
}
