using MLPlatform.UnderStore.Http;

namespace MLPlatform.UnderStore.S3;

/// <summary>Percent-encoding as S3 signs it, on bytes: everything but <c>A–Z a–z 0–9 - . _ ~</c> becomes <c>%XX</c>.</summary>
internal static class S3Encoding
{
    private static readonly bool[] s_plain = MakePlain();

    /// <param name="keepSlash">In paths; in queries a slash is encoded too.</param>
    public static void Encode(ByteWriter writer, ReadOnlySpan<byte> bytes, bool keepSlash)
    {
        Span<byte> target = writer.Reserve(bytes.Length * 3);
        int at = 0;
        foreach (byte b in bytes)
        {
            if (s_plain[b] || (keepSlash && b == (byte)'/'))
            {
                target[at++] = b;
                continue;
            }

            target[at] = (byte)'%';
            target[at + 1] = Digit(b >> 4);
            target[at + 2] = Digit(b & 15);
            at += 3;
        }

        writer.Advance(at);
    }

    /// <summary>Undoes <c>encoding-type=url</c>, where a space is <c>+</c> and a plus <c>%2B</c>.</summary>
    public static byte[] Decode(ReadOnlySpan<byte> encoded)
    {
        if (encoded.IndexOfAny((byte)'%', (byte)'+') < 0)
        {
            return encoded.ToArray();
        }

        byte[] decoded = new byte[encoded.Length];
        int at = 0;
        for (int i = 0; i < encoded.Length; i++)
        {
            byte b = encoded[i];
            if (b == (byte)'+')
            {
                b = (byte)' ';
            }
            else if (b == (byte)'%' && i + 2 < encoded.Length && char.IsAsciiHexDigit((char)encoded[i + 1]) && char.IsAsciiHexDigit((char)encoded[i + 2]))
            {
                b = (byte)((Value(encoded[i + 1]) << 4) | Value(encoded[i + 2]));
                i += 2;
            }

            decoded[at++] = b;
        }

        return at == decoded.Length ? decoded : decoded[..at];
    }

    private static byte Digit(int value) => (byte)(value < 10 ? '0' + value : 'A' + value - 10);

    private static int Value(byte digit) => digit <= (byte)'9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    private static bool[] MakePlain()
    {
        bool[] plain = new bool[256];
        for (int b = 0; b < 128; b++)
        {
            plain[b] = char.IsAsciiLetterOrDigit((char)b) || (char)b is '-' or '.' or '_' or '~';
        }

        return plain;
    }
}
