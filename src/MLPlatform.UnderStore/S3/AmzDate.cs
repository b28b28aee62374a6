using System.Globalization;
using System.Text;

namespace MLPlatform.UnderStore.S3;

/// <summary>A second as signatures write it.</summary>
internal sealed class AmzDate
{
    public AmzDate(DateTimeOffset time)
    {
        UnixSecond = time.ToUnixTimeSeconds();
        string text = time.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        Text = Encoding.ASCII.GetBytes(text);
        Day = text[..8];
    }

    public long UnixSecond { get; }

    /// <summary><c>20130524T000000Z</c>.</summary>
    public byte[] Text { get; }

    /// <summary><c>20130524</c>.</summary>
    public string Day { get; }
}
