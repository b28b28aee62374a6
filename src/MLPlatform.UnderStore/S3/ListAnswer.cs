using System.Buffers.Text;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.S3;

/// <summary>One key of a LIST answer.</summary>
/// <param name="Key">Raw bytes.</param>
internal readonly record struct ListedKey(byte[] Key, long Size, long MtimeNanoseconds, ObjectIdentity Identity);

/// <summary>A LIST answer, version 2, as servers of all kinds send it: counts are not believed, missing fields are missing.</summary>
internal sealed class ListAnswer
{
    public List<ListedKey> Keys { get; } = [];

    /// <summary>With their delimiter.</summary>
    public List<byte[]> CommonPrefixes { get; } = [];

    public bool IsTruncated { get; private set; }

    /// <summary>Opaque; null when there is none.</summary>
    public byte[]? NextToken { get; private set; }

    /// <returns>Null when this is no LIST answer.</returns>
    public static ListAnswer? Parse(ReadOnlySpan<byte> xml)
    {
        ListAnswer answer = new();
        XmlScanner scanner = new(xml);
        bool urlEncoded = false;
        int depth = 0;
        bool complete = false;
        bool inContents = false;
        bool inPrefixes = false;
        byte[]? key = null;
        long size = 0;
        long mtime = 0;
        ObjectIdentity identity = default;
        while (scanner.Read())
        {
            if (!scanner.IsEnd)
            {
                depth++;
                if (depth == 1 && !scanner.Name.SequenceEqual("ListBucketResult"u8))
                {
                    return null;
                }

                if (depth == 2)
                {
                    inContents = scanner.Name.SequenceEqual("Contents"u8);
                    inPrefixes = scanner.Name.SequenceEqual("CommonPrefixes"u8);
                    if (inContents)
                    {
                        (key, size, mtime, identity) = (null, 0, 0, default);
                    }
                }

                continue;
            }

            switch (depth)
            {
                case 1:
                    complete = true;
                    break;
                case 2 when inContents:
                    if (key is not null)
                    {
                        answer.Keys.Add(new ListedKey(key, size, mtime, identity));
                    }

                    inContents = false;
                    break;
                case 2 when inPrefixes:
                    inPrefixes = false;
                    break;
                case 2 when scanner.Name.SequenceEqual("IsTruncated"u8):
                    answer.IsTruncated = Ascii.EqualsIgnoreCase(scanner.RawText.Trim((byte)' '), "true"u8);
                    break;
                case 2 when scanner.Name.SequenceEqual("NextContinuationToken"u8):
                    answer.NextToken = scanner.RawText.IsEmpty ? null : XmlScanner.Unescape(scanner.RawText);
                    break;
                case 2 when scanner.Name.SequenceEqual("EncodingType"u8):
                    urlEncoded = Ascii.EqualsIgnoreCase(scanner.RawText.Trim((byte)' '), "url"u8);
                    break;
                case 3 when inPrefixes && scanner.Name.SequenceEqual("Prefix"u8):
                    answer.CommonPrefixes.Add(XmlScanner.Unescape(scanner.RawText));
                    break;
                case 3 when inContents:
                    switch (scanner.Name.Length)
                    {
                        case 3 when scanner.Name.SequenceEqual("Key"u8):
                            key = XmlScanner.Unescape(scanner.RawText);
                            break;
                        case 4 when scanner.Name.SequenceEqual("Size"u8):
                            _ = Utf8Parser.TryParse(scanner.RawText.Trim((byte)' '), out size, out _);
                            break;
                        case 4 when scanner.Name.SequenceEqual("ETag"u8):
                            identity = ParseETag(scanner.RawText);
                            break;
                        case 12 when scanner.Name.SequenceEqual("LastModified"u8):
                            _ = S3Time.TryParseIso(scanner.RawText, out mtime);
                            break;
                    }

                    break;
            }

            depth--;
        }

        if (!complete || scanner.Failed)
        {
            return null;
        }

        // Where the encoding is told varies, so names are decoded last. A server that ignores encoding-type tells none.
        if (urlEncoded)
        {
            for (int i = 0; i < answer.Keys.Count; i++)
            {
                answer.Keys[i] = answer.Keys[i] with { Key = S3Encoding.Decode(answer.Keys[i].Key) };
            }

            for (int i = 0; i < answer.CommonPrefixes.Count; i++)
            {
                answer.CommonPrefixes[i] = S3Encoding.Decode(answer.CommonPrefixes[i]);
            }
        }

        return answer;
    }

    private static ObjectIdentity ParseETag(ReadOnlySpan<byte> raw)
    {
        Span<char> text = stackalloc char[128];
        if (raw.IndexOf((byte)'&') >= 0)
        {
            // Almost always "&quot;" at both ends.
            ReadOnlySpan<byte> quote = "&quot;"u8;
            if (raw.StartsWith(quote) && raw.EndsWith(quote) && raw.Length >= 12)
            {
                raw = raw[6..^6];
            }

            if (raw.IndexOf((byte)'&') >= 0)
            {
                raw = XmlScanner.Unescape(raw);
            }
        }

        return raw.Length > text.Length
            ? ObjectIdentity.FromETag(Encoding.Latin1.GetString(raw))
            : ObjectIdentity.FromETag(text[..Encoding.Latin1.GetChars(raw, text)]);
    }
}
