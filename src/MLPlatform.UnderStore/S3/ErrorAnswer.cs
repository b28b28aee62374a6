using System.Text;

namespace MLPlatform.UnderStore.S3;

/// <summary>What an answer other than success says.</summary>
/// <param name="Code">S3's word for it; empty where the answer has no such body.</param>
/// <param name="Region">The region the server hints at, or null.</param>
internal sealed record ErrorAnswer(int Status, string Code, string Message, string? Region, string? StorageClass)
{
    public static ErrorAnswer Parse(int status, ReadOnlySpan<byte> body, string? regionHeader, string? storageClassHeader)
    {
        string code = "";
        string message = "";
        string? region = string.IsNullOrEmpty(regionHeader) ? null : regionHeader;
        string? storageClass = string.IsNullOrEmpty(storageClassHeader) ? null : storageClassHeader;
        XmlScanner scanner = new(body);
        int depth = 0;
        while (scanner.Read())
        {
            if (!scanner.IsEnd)
            {
                depth++;
                if (depth == 1 && !scanner.Name.SequenceEqual("Error"u8))
                {
                    break; // An HTML page of something in between.
                }

                continue;
            }

            if (depth == 2)
            {
                string text = Encoding.UTF8.GetString(XmlScanner.Unescape(scanner.RawText)).Trim();
                if (scanner.Name.SequenceEqual("Code"u8))
                {
                    code = text;
                }
                else if (scanner.Name.SequenceEqual("Message"u8))
                {
                    message = text;
                }
                else if (scanner.Name.SequenceEqual("Region"u8))
                {
                    region ??= text;
                }
                else if (scanner.Name.SequenceEqual("StorageClass"u8))
                {
                    storageClass ??= text;
                }
            }

            depth--;
        }

        return new ErrorAnswer(status, code, message, region, storageClass);
    }

    /// <summary>Status and code for a message.</summary>
    public string Display => Code.Length > 0 ? $"{Status} {Code}" : Status.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
