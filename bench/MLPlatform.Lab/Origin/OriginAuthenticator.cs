using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace MLPlatform.Lab;

/// <summary>Checks SigV4 header authentication for the one key pair of an origin.</summary>
internal sealed class OriginAuthenticator(string accessKey, string secretKey, string region)
{
    private readonly S3Signer _signer = new(accessKey, secretKey, region);

    /// <returns>Null when the request is signed for our key.</returns>
    public OriginError? Check(string method, OriginTarget target, IHeaderDictionary headers)
    {
        string authorization = headers.Authorization.ToString();
        if (!authorization.StartsWith("AWS4-HMAC-SHA256 ", StringComparison.Ordinal))
        {
            return OriginError.AccessDenied;
        }

        string[] scope = Field(authorization, "Credential=").Split('/');
        string names = Field(authorization, "SignedHeaders=");
        if (scope.Length != 5 || names.Length == 0)
        {
            return OriginError.AccessDenied;
        }

        if (scope[0] != accessKey)
        {
            return OriginError.InvalidAccessKeyId;
        }

        if (scope[2] != region)
        {
            return new OriginError(400, "AuthorizationHeaderMalformed", $"The authorization header is malformed; the region '{scope[2]}' is wrong; expecting '{region}'");
        }

        string timestamp = headers["x-amz-date"].ToString();
        if (timestamp.Length != 16 || !timestamp.StartsWith(scope[1], StringComparison.Ordinal))
        {
            return OriginError.AccessDenied;
        }

        (string Name, string Value)[] signed = [.. names.Split(';').Select(n => (n, headers[n].ToString()))];
        string payload = headers["x-amz-content-sha256"].ToString();
        string canonical = S3Signer.CanonicalRequest(method, target.Path, target.Query, signed, names, payload.Length == 0 ? S3Signer.UnsignedPayload : payload);
        string expected = _signer.SignatureOf(canonical, string.Join('/', scope[1..]), timestamp);
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(expected), Encoding.UTF8.GetBytes(Field(authorization, "Signature=")))
            ? null
            : OriginError.SignatureDoesNotMatch;
    }

    private static string Field(string authorization, string name)
    {
        int start = authorization.IndexOf(name, StringComparison.Ordinal);
        if (start < 0)
        {
            return "";
        }

        start += name.Length;
        int end = authorization.IndexOf(',', start);
        return (end < 0 ? authorization[start..] : authorization[start..end]).Trim();
    }
}
