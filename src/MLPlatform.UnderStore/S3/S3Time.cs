using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace MLPlatform.UnderStore.S3;

/// <summary>Times as S3 writes them, in nanoseconds since 1970.</summary>
internal static class S3Time
{
    /// <summary><c>2009-10-12T17:50:30.000Z</c>, the fraction of any length or missing.</summary>
    public static bool TryParseIso(ReadOnlySpan<byte> text, out long nanoseconds)
    {
        nanoseconds = 0;
        text = text.Trim((byte)' ');
        if (text.Length < 20
            || !Number(text[..4], out int year) || text[4] != '-' || !Number(text[5..7], out int month) || text[7] != '-' || !Number(text[8..10], out int day)
            || text[10] != 'T' || !Number(text[11..13], out int hour) || text[13] != ':' || !Number(text[14..16], out int minute) || text[16] != ':' || !Number(text[17..19], out int second)
            || year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }

        long fraction = 0;
        if (text[19] == '.')
        {
            long unit = 100_000_000;
            for (int i = 20; i < text.Length && char.IsAsciiDigit((char)text[i]); i++)
            {
                fraction += (text[i] - '0') * unit;
                unit /= 10;
            }
        }

        nanoseconds = FromTicks(new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc)) + fraction;
        return true;
    }

    /// <summary><c>Wed, 12 Oct 2009 17:50:30 GMT</c>.</summary>
    public static bool TryParseHttp(ReadOnlySpan<byte> text, out long nanoseconds)
    {
        bool parsed = DateTimeOffset.TryParseExact(Encoding.Latin1.GetString(text), "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time);
        nanoseconds = parsed ? FromTicks(time.UtcDateTime) : 0;
        return parsed;
    }

    private static long FromTicks(DateTime time) => (time.Ticks - DateTime.UnixEpoch.Ticks) * 100;

    private static bool Number(ReadOnlySpan<byte> digits, out int value) => Utf8Parser.TryParse(digits, out value, out int used) && used == digits.Length && value >= 0;
}
