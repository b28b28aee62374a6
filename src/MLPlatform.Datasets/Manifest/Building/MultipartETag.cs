using System.Buffers;
using System.Buffers.Text;
using System.Globalization;

namespace MLPlatform.Datasets;

/// <summary>The ETag of an S3 multipart upload: 32 lower-case hexadecimal digits, a hyphen, the number of parts. Held as numbers it takes 18 bytes instead of 40.</summary>
internal static class MultipartETag
{
    private const int HashDigits = 32;

    private static readonly SearchValues<byte> s_lowerHex = SearchValues.Create("0123456789abcdef"u8);

    /// <returns>False when printing the numbers would not give exactly the same text again.</returns>
    public static bool TryParse(ReadOnlySpan<byte> text, out UInt128 hash, out uint parts)
    {
        parts = 0;
        hash = 0;
        return text.Length > HashDigits + 1
            && text[HashDigits] == '-'
            && text[HashDigits + 1] is >= (byte)'1' and <= (byte)'9'
            && text[..HashDigits].IndexOfAnyExcept(s_lowerHex) < 0
            && UInt128.TryParse(text[..HashDigits], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out hash)
            && Utf8Parser.TryParse(text[(HashDigits + 1)..], out parts, out int used)
            && used == text.Length - HashDigits - 1;
    }
}
