using System.Security.Cryptography;
using System.Text;

namespace MLPlatform.UnderStore.S3;

/// <summary>AWS Signature Version 4, the arithmetic only. It allocates nothing but keys.</summary>
internal static class SigV4
{
    public const int SignatureBytes = 64;

    /// <summary>The payload hash that leaves the body out of the signature; a GET has none.</summary>
    public static ReadOnlySpan<byte> UnsignedPayload => "UNSIGNED-PAYLOAD"u8;

    /// <summary>The key of one day, region and service.</summary>
    public static byte[] DeriveKey(string secret, string day, string region, string service)
    {
        byte[] key = HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + secret), Encoding.ASCII.GetBytes(day));
        key = HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(region));
        key = HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(service));
        return HMACSHA256.HashData(key, "aws4_request"u8);
    }

    /// <param name="canonicalRequest">As the specification lays it out.</param>
    /// <param name="scope"><c>day/region/service/aws4_request</c>.</param>
    /// <param name="signature">Receives <see cref="SignatureBytes"/> hexadecimal digits.</param>
    public static void Sign(ReadOnlySpan<byte> canonicalRequest, ReadOnlySpan<byte> date, ReadOnlySpan<byte> scope, ReadOnlySpan<byte> key, Span<byte> signature)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(canonicalRequest, hash);

        ReadOnlySpan<byte> algorithm = "AWS4-HMAC-SHA256\n"u8;
        Span<byte> text = stackalloc byte[256];
        algorithm.CopyTo(text);
        int length = algorithm.Length;
        date.CopyTo(text[length..]);
        length += date.Length;
        text[length++] = (byte)'\n';
        scope.CopyTo(text[length..]);
        length += scope.Length;
        text[length++] = (byte)'\n';
        Convert.TryToHexStringLower(hash, text[length..], out int written);
        length += written;

        HMACSHA256.HashData(key, text[..length], hash);
        Convert.TryToHexStringLower(hash, signature, out _);
    }
}
