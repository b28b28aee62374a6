using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>
/// One XML body of S3. Text goes straight to UTF-8 in a buffer that is used again, since listing pages are a measured path:
/// fresh ones would lie on the large object heap. Whoever sends the body disposes it.
/// </summary>
internal sealed class OriginXml : IDisposable
{
    private const string Namespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

    // Of no more than so many pages that are sent at a time; a page of 1,000 keys takes about 300 KiB.
    private const int MaxIdleBuffers = 16;

    private static readonly ConcurrentQueue<ArrayBufferWriter<byte>> s_idle = new();

    private readonly ArrayBufferWriter<byte> _body;

    private OriginXml()
    {
        _body = s_idle.TryDequeue(out ArrayBufferWriter<byte>? idle) ? idle : new ArrayBufferWriter<byte>(4096);
        Raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"u8);
    }

    public ReadOnlyMemory<byte> Body => _body.WrittenMemory;

    public static OriginXml Error(OriginError error, string resource, string requestId, string? extra = null)
    {
        OriginXml xml = new();
        xml.Raw("<Error>"u8);
        xml.Element("Code"u8, error.Code);
        xml.Element("Message"u8, error.Message);
        xml.Element("Resource"u8, resource);
        if (extra is not null)
        {
            xml.Element("Region"u8, extra);
        }

        xml.Element("RequestId"u8, requestId);
        xml.Raw("</Error>"u8);
        return xml;
    }

    public static OriginXml Buckets(IEnumerable<string> buckets)
    {
        OriginXml xml = new();
        xml.Raw("<ListAllMyBucketsResult"u8);
        xml.Text(Namespace);
        xml.Raw("><Owner><ID>lab</ID><DisplayName>lab</DisplayName></Owner><Buckets>"u8);
        foreach (string bucket in buckets)
        {
            xml.Raw("<Bucket>"u8);
            xml.Element("Name"u8, bucket);
            xml.Raw("<CreationDate>2024-01-02T03:04:05.000Z</CreationDate></Bucket>"u8);
        }

        xml.Raw("</Buckets></ListAllMyBucketsResult>"u8);
        return xml;
    }

    /// <param name="region">S3 leaves the element empty for us-east-1.</param>
    public static OriginXml Location(string region)
    {
        OriginXml xml = new();
        xml.Raw("<LocationConstraint"u8);
        xml.Text(Namespace);
        xml.Raw(">"u8);
        xml.Escaped(region == "us-east-1" ? "" : region);
        xml.Raw("</LocationConstraint>"u8);
        return xml;
    }

    public static OriginXml Listing(ListQuery query, ListResult result, bool quoteETags)
    {
        OriginXml xml = new();
        xml.Raw("<ListBucketResult"u8);
        xml.Text(Namespace);
        xml.Raw(">"u8);
        xml.Element("Name"u8, query.Bucket);
        xml.Name("Prefix"u8, query.Prefix, query.EncodeUrl);
        if (query.Version == 2)
        {
            xml.Element("KeyCount"u8, (result.Objects.Count + result.CommonPrefixes.Count).ToString(CultureInfo.InvariantCulture));
            if (query.After.Length > 0)
            {
                xml.Name("StartAfter"u8, query.After, query.EncodeUrl);
            }

            if (query.Token is not null)
            {
                xml.Element("ContinuationToken"u8, query.Token);
            }

            if (result.Last is not null)
            {
                xml.Element("NextContinuationToken"u8, Token(result.Last));
            }
        }
        else
        {
            xml.Name("Marker"u8, query.After, query.EncodeUrl);
            if (result.Last is not null)
            {
                xml.Name("NextMarker"u8, result.Last, query.EncodeUrl);
            }
        }

        xml.Element("MaxKeys"u8, query.MaxKeys.ToString(CultureInfo.InvariantCulture));
        if (query.Delimiter.Length > 0)
        {
            xml.Name("Delimiter"u8, query.Delimiter, query.EncodeUrl);
        }

        if (query.EncodeUrl)
        {
            xml.Element("EncodingType"u8, "url");
        }

        xml.Element("IsTruncated"u8, result.Last is null ? "false" : "true");
        foreach (OriginObject item in result.Objects)
        {
            xml.Object(item, query.EncodeUrl, quoteETags);
        }

        foreach (string prefix in result.CommonPrefixes)
        {
            xml.Raw("<CommonPrefixes>"u8);
            xml.Name("Prefix"u8, prefix, query.EncodeUrl);
            xml.Raw("</CommonPrefixes>"u8);
        }

        xml.Raw("</ListBucketResult>"u8);
        return xml;
    }

    /// <summary>A continuation token says where the page ended; clients must not look into it, so it does not look like a key.</summary>
    public static string Token(string last) => "1" + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(last));

    /// <returns>Null when the token is none of ours.</returns>
    public static string? FromToken(string token)
    {
        Span<byte> bytes = token.Length <= 4096 ? stackalloc byte[token.Length / 2] : new byte[token.Length / 2];
        return token.StartsWith('1') && Convert.FromHexString(token.AsSpan(1), bytes, out int _, out int written) == OperationStatus.Done
            ? Encoding.UTF8.GetString(bytes[..written])
            : null;
    }

    public void Dispose()
    {
        if (s_idle.Count < MaxIdleBuffers)
        {
            _body.ResetWrittenCount();
            s_idle.Enqueue(_body);
        }
    }

    private void Object(OriginObject item, bool encodeUrl, bool quoteETags)
    {
        Raw("<Contents>"u8);
        Name("Key"u8, item.Key, encodeUrl);
        Raw("<LastModified>"u8);
        Span<byte> time = _body.GetSpan(32);
        item.LastModified.UtcDateTime.TryFormat(time, out int written, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        _body.Advance(written);
        Raw("</LastModified><ETag>"u8);
        Raw(quoteETags ? "&quot;"u8 : ""u8);
        Escaped(item.ETag);
        Raw(quoteETags ? "&quot;"u8 : ""u8);
        Raw("</ETag><Size>"u8);
        Span<byte> size = _body.GetSpan(20);
        item.Length.TryFormat(size, out written, default, CultureInfo.InvariantCulture);
        _body.Advance(written);
        Raw("</Size><StorageClass>"u8);
        Text(item.StorageClass ?? "STANDARD");
        Raw("</StorageClass></Contents>"u8);
    }

    private void Name(ReadOnlySpan<byte> element, string key, bool encodeUrl) =>
        Element(element, encodeUrl ? S3Escape.Escape(key, keepSlash: true) : key);

    private void Element(ReadOnlySpan<byte> name, string text)
    {
        Raw("<"u8);
        Raw(name);
        Raw(">"u8);
        Escaped(text);
        Raw("</"u8);
        Raw(name);
        Raw(">"u8);
    }

    private void Escaped(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            int special = IndexOfSpecial(text);
            Text(special < 0 ? text : text[..special]);
            if (special < 0)
            {
                return;
            }

            switch (text[special])
            {
                case '&':
                    Raw("&amp;"u8);
                    break;
                case '<':
                    Raw("&lt;"u8);
                    break;
                case '>':
                    Raw("&gt;"u8);
                    break;
                case '"':
                    Raw("&quot;"u8);
                    break;
                default:
                    // S3 writes control characters as references although XML 1.0 has none for them; clients ask for encoding-type=url instead.
                    Text($"&#x{(int)text[special]:x};");
                    break;
            }

            text = text[(special + 1)..];
        }
    }

    private static int IndexOfSpecial(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] < ' ' || text[i] is '&' or '<' or '>' or '"')
            {
                return i;
            }
        }

        return -1;
    }

    private void Text(ReadOnlySpan<char> text) => Encoding.UTF8.GetBytes(text, _body);

    private void Raw(ReadOnlySpan<byte> bytes) => _body.Write(bytes);
}
