using MLPlatform.UnderStore.Http;

namespace MLPlatform.UnderStore.S3;

/// <summary>One request to a bucket, without where it goes and who signs it.</summary>
/// <param name="Key">Of the object, raw; null for the bucket itself.</param>
/// <param name="Query">Canonical: sorted and encoded; empty for none.</param>
/// <param name="RangeStart">-1 for the whole object.</param>
/// <param name="ETag">For If-Match, without quotes; null for none.</param>
internal sealed record S3Request(bool IsHead, byte[]? Key, byte[] Query, long RangeStart = -1, long RangeEnd = -1, byte[]? ETag = null)
{
    /// <summary>Writes the request and its signature.</summary>
    /// <param name="writer">Receives the request.</param>
    /// <param name="scratch">Room for the canonical request.</param>
    /// <param name="credentials">Null sends it unsigned.</param>
    /// <param name="payloadHash">What the signature says of the body.</param>
    public void Write(ByteWriter writer, ByteWriter scratch, S3Target target, S3Credentials? credentials, AmzDate date, ReadOnlySpan<byte> payloadHash)
    {
        // The path comes first into the scratch, since both texts need it.
        writer.Clear();
        scratch.Clear();
        scratch.Write(IsHead ? "HEAD\n"u8 : "GET\n"u8);
        int pathStart = scratch.Length;
        scratch.Write(target.PathPrefix);
        if (Key is not null)
        {
            scratch.Write((byte)'/');
            S3Encoding.Encode(scratch, Key, keepSlash: true);
        }
        else if (target.PathPrefix.Length == 0)
        {
            scratch.Write((byte)'/');
        }

        int pathEnd = scratch.Length;
        writer.Write(IsHead ? "HEAD "u8 : "GET "u8);
        writer.Write(target.RequestPrefix);
        writer.Write(scratch.Written[pathStart..pathEnd]);
        if (Query.Length > 0)
        {
            writer.Write((byte)'?');
            writer.Write(Query);
        }

        writer.Write(" HTTP/1.1\r\nHost: "u8);
        writer.Write(target.Host);
        writer.Write("\r\nUser-Agent: mlp\r\n"u8);
        if (target.ProxyAuthorization is { } proxy)
        {
            writer.Write("Proxy-Authorization: "u8);
            writer.Write(proxy);
            writer.Write("\r\n"u8);
        }

        if (RangeStart >= 0)
        {
            writer.Write("Range: bytes="u8);
            writer.Write(RangeStart);
            writer.Write((byte)'-');
            writer.Write(RangeEnd);
            writer.Write("\r\n"u8);
        }

        if (ETag is not null)
        {
            writer.Write("If-Match: \""u8);
            writer.Write(ETag);
            writer.Write("\"\r\n"u8);
        }

        if (credentials is not null)
        {
            Sign(writer, scratch, target, credentials, date, payloadHash);
        }

        writer.Write("\r\n"u8);
    }

    private void Sign(ByteWriter writer, ByteWriter scratch, S3Target target, S3Credentials credentials, AmzDate date, ReadOnlySpan<byte> payloadHash)
    {
        S3Credentials.SigningKey key = credentials.KeyFor(date, target.Region);
        scratch.Write((byte)'\n');
        scratch.Write(Query);
        scratch.Write("\nhost:"u8);
        scratch.Write(target.Host);
        WriteBoth(writer, scratch, "x-amz-content-sha256:"u8, payloadHash);
        WriteBoth(writer, scratch, "x-amz-date:"u8, date.Text);
        if (credentials.SessionToken is { } token)
        {
            WriteBoth(writer, scratch, "x-amz-security-token:"u8, token);
        }

        ReadOnlySpan<byte> signed = credentials.SessionToken is null
            ? "host;x-amz-content-sha256;x-amz-date"u8
            : "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"u8;
        scratch.Write("\n\n"u8);
        scratch.Write(signed);
        scratch.Write((byte)'\n');
        scratch.Write(payloadHash);

        writer.Write("Authorization: AWS4-HMAC-SHA256 Credential="u8);
        writer.Write(key.Credential);
        writer.Write(", SignedHeaders="u8);
        writer.Write(signed);
        writer.Write(", Signature="u8);
        SigV4.Sign(scratch.Written, date.Text, key.Scope, key.Key, writer.Reserve(SigV4.SignatureBytes));
        writer.Advance(SigV4.SignatureBytes);
        writer.Write("\r\n"u8);
    }

    /// <summary>A header into the request and, in its canonical form, into what is signed.</summary>
    private static void WriteBoth(ByteWriter writer, ByteWriter scratch, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        scratch.Write((byte)'\n');
        scratch.Write(name);
        scratch.Write(value);
        writer.Write(name);
        writer.Write(value);
        writer.Write("\r\n"u8);
    }
}
