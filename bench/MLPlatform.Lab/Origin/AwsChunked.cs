using System.Buffers.Text;

namespace MLPlatform.Lab;

/// <summary>Takes the payload out of an <c>aws-chunked</c> body, which SDKs send to carry signatures and checksums of chunks.</summary>
internal static class AwsChunked
{
    /// <returns>Null when the body is malformed. Signatures and trailers are not checked.</returns>
    public static byte[]? Decode(ReadOnlySpan<byte> body)
    {
        using MemoryStream payload = new(body.Length);
        while (true)
        {
            int line = body.IndexOf("\r\n"u8);
            if (line < 0 || !Utf8Parser.TryParse(body[..line], out int size, out int _, 'x') || size < 0)
            {
                return null;
            }

            body = body[(line + 2)..];
            if (size == 0)
            {
                return payload.ToArray();
            }

            if (body.Length < size + 2)
            {
                return null;
            }

            payload.Write(body[..size]);
            body = body[(size + 2)..];
        }
    }
}
