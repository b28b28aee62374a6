using System.Text;

namespace MLPlatform.Lab;

/// <summary>Percent-encoding as SigV4 wants it: everything but <c>A–Z a–z 0–9 - _ . ~</c> of the UTF-8 bytes, hexadecimal in upper case.</summary>
internal static class S3Escape
{
    /// <param name="keepSlash">True for paths, false for query parts.</param>
    public static string Escape(ReadOnlySpan<char> text, bool keepSlash)
    {
        StringBuilder escaped = new(text.Length + 16);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in text.EnumerateRunes())
        {
            foreach (byte b in utf8[..rune.EncodeToUtf8(utf8)])
            {
                if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'_' or (byte)'.' or (byte)'~' || (keepSlash && b == (byte)'/'))
                {
                    escaped.Append((char)b);
                }
                else
                {
                    escaped.Append('%').Append("0123456789ABCDEF"[b >> 4]).Append("0123456789ABCDEF"[b & 15]);
                }
            }
        }

        return escaped.ToString();
    }

    /// <summary>Undoes any percent-encoding; an escape that is none stays as it stands.</summary>
    /// <param name="plusIsSpace">True for query parts sent by forms; S3 listings with <c>encoding-type=url</c> use it too.</param>
    public static string Unescape(ReadOnlySpan<char> text, bool plusIsSpace = false)
    {
        if (text.IndexOfAny('%', '+') < 0)
        {
            return text.ToString();
        }

        byte[] utf8 = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        int length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                utf8[length++] = Convert.FromHexString(text.Slice(i + 1, 2))[0];
                i += 2;
            }
            else if (text[i] == '+' && plusIsSpace)
            {
                utf8[length++] = (byte)' ';
            }
            else
            {
                int units = char.IsHighSurrogate(text[i]) && i + 1 < text.Length ? 2 : 1;
                length += Encoding.UTF8.GetBytes(text.Slice(i, units), utf8.AsSpan(length));
                i += units - 1;
            }
        }

        return Encoding.UTF8.GetString(utf8, 0, length);
    }
}
