using System.Globalization;

namespace MLPlatform.Lab;

/// <summary>The one byte range of a <c>Range</c> field, resolved against an object's length.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes; 0 where the range cannot be satisfied.</param>
internal readonly record struct OriginRange(long Offset, long Length)
{
    /// <returns>Null when the field is absent, no byte range or several: RFC 9110 lets a server answer with the whole object.</returns>
    public static OriginRange? Parse(string? field, long length)
    {
        if (field is null || !field.StartsWith("bytes=", StringComparison.OrdinalIgnoreCase) || field.Contains(',', StringComparison.Ordinal))
        {
            return null;
        }

        ReadOnlySpan<char> range = field.AsSpan(6).Trim();
        int dash = range.IndexOf('-');
        if (dash < 0 || !TryNumber(range[..dash], out long first) || !TryNumber(range[(dash + 1)..], out long last) || (first < 0 && last < 0))
        {
            return null;
        }

        if (first < 0)
        {
            long suffix = Math.Min(last, length);
            return new OriginRange(length - suffix, suffix);
        }

        if (last >= 0 && last < first)
        {
            return null;
        }

        last = last < 0 ? length - 1 : Math.Min(last, length - 1);
        return new OriginRange(first, Math.Max(0, last - first + 1));
    }

    /// <param name="number">-1 for an empty text.</param>
    private static bool TryNumber(ReadOnlySpan<char> text, out long number)
    {
        number = -1;
        return text.IsEmpty || long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
