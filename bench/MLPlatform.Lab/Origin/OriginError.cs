namespace MLPlatform.Lab;

/// <summary>An answer that refuses, with its S3 code.</summary>
internal sealed record OriginError(int Status, string Code, string Message)
{
    public static OriginError NoSuchKey { get; } = new(404, "NoSuchKey", "The specified key does not exist.");

    public static OriginError NoSuchBucket { get; } = new(404, "NoSuchBucket", "The specified bucket does not exist.");

    public static OriginError PreconditionFailed { get; } = new(412, "PreconditionFailed", "At least one of the preconditions you specified did not hold.");

    public static OriginError InvalidRange { get; } = new(416, "InvalidRange", "The requested range cannot be satisfied.");

    public static OriginError AccessDenied { get; } = new(403, "AccessDenied", "Access Denied");

    public static OriginError InvalidAccessKeyId { get; } = new(403, "InvalidAccessKeyId", "The access key id you provided does not exist in our records.");

    public static OriginError SignatureDoesNotMatch { get; } = new(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.");

    public static OriginError InvalidArgument { get; } = new(400, "InvalidArgument", "Invalid argument.");

    public static OriginError InvalidObjectState { get; } = new(403, "InvalidObjectState", "The operation is not valid for the object's storage class.");

    public static OriginError EntityTooLarge { get; } = new(413, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.");

    public static OriginError IncompleteBody { get; } = new(400, "IncompleteBody", "The request body does not have the announced form or length.");

    public static OriginError MethodNotAllowed { get; } = new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");

    public static OriginError NotImplemented { get; } = new(501, "NotImplemented", "This origin serves reads and small writes only.");

    public static OriginError InternalError { get; } = new(500, "InternalError", "The origin failed; see its console.");
}
