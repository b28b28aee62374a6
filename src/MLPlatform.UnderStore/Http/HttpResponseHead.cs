using System.Buffers.Text;

namespace MLPlatform.UnderStore.Http;

/// <summary>Status and the headers that a store looks at, parsed in place: texts are slices of the connection's buffer, good until its body is read.</summary>
internal struct HttpResponseHead
{
    public int Status;

    /// <summary>-1 when the answer does not tell.</summary>
    public long ContentLength;

    public bool Chunked;

    public bool KeepAlive;

    /// <summary>First byte of the range sent; -1 without Content-Range.</summary>
    public long RangeStart;

    public long RangeEnd;

    /// <summary>The whole object's length; -1 when unknown.</summary>
    public long RangeTotal;

    public Slice ETag;
    public Slice LastModified;
    public Slice Date;
    public Slice BucketRegion;
    public Slice StorageClass;
    public Slice RequestId;
    public Slice ContentType;

    public readonly record struct Slice(int Offset, int Length)
    {
        public ReadOnlySpan<byte> In(ReadOnlySpan<byte> buffer) => buffer.Slice(Offset, Length);

        public string Text(ReadOnlySpan<byte> buffer) => System.Text.Encoding.Latin1.GetString(In(buffer));
    }

    /// <param name="buffer">Starts with the status line.</param>
    /// <param name="length">Bytes of the head with its empty line; 0 when more bytes are needed.</param>
    /// <exception cref="HttpFault"><c>Malformed</c>.</exception>
    public static HttpResponseHead Parse(ReadOnlySpan<byte> buffer, int origin, out int length)
    {
        HttpResponseHead head = new() { ContentLength = -1, RangeStart = -1, RangeEnd = -1, RangeTotal = -1 };
        int end = buffer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            length = 0;
            return head;
        }

        length = end + 4;
        ReadOnlySpan<byte> text = buffer[..(end + 2)];
        int line = text.IndexOf("\r\n"u8);
        head.ParseStatus(text[..line]);
        int at = line + 2;
        while (at < text.Length)
        {
            int lineLength = text[at..].IndexOf("\r\n"u8);
            head.ParseHeader(text.Slice(at, lineLength), origin + at);
            at += lineLength + 2;
        }

        return head;
    }

    private void ParseStatus(ReadOnlySpan<byte> line)
    {
        // "HTTP/1.1 200 OK"; the reason may be missing.
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || !Utf8Parser.TryParse(line[9..12], out Status, out int used) || used != 3)
        {
            throw new HttpFault(HttpFaultKind.Malformed, "does not speak HTTP/1.1");
        }

        KeepAlive = line[7] != (byte)'0';
    }

    private void ParseHeader(ReadOnlySpan<byte> line, int offset)
    {
        int colon = line.IndexOf((byte)':');
        if (colon <= 0)
        {
            throw new HttpFault(HttpFaultKind.Malformed, "sent a header line without a colon");
        }

        ReadOnlySpan<byte> name = line[..colon];
        int start = colon + 1;
        int end = line.Length;
        while (start < end && line[start] is (byte)' ' or (byte)'\t')
        {
            start++;
        }

        while (end > start && line[end - 1] is (byte)' ' or (byte)'\t')
        {
            end--;
        }

        ReadOnlySpan<byte> value = line[start..end];
        Slice slice = new(offset + start, end - start);
        switch (name.Length)
        {
            case 4 when Is(name, "etag"u8):
                ETag = slice;
                break;
            case 4 when Is(name, "date"u8):
                Date = slice;
                break;
            case 10 when Is(name, "connection"u8):
                KeepAlive = System.Text.Ascii.EqualsIgnoreCase(value, "keep-alive"u8) || (KeepAlive && !System.Text.Ascii.EqualsIgnoreCase(value, "close"u8));
                break;
            case 12 when Is(name, "content-type"u8):
                ContentType = slice;
                break;
            case 13 when Is(name, "content-range"u8):
                ParseRange(value);
                break;
            case 13 when Is(name, "last-modified"u8):
                LastModified = slice;
                break;
            case 14 when Is(name, "content-length"u8):
                if (!Utf8Parser.TryParse(value, out long length, out int used) || used != value.Length || length < 0 || (ContentLength >= 0 && ContentLength != length))
                {
                    throw new HttpFault(HttpFaultKind.Malformed, "sent a Content-Length that is no number");
                }

                ContentLength = length;
                break;
            case 16 when Is(name, "x-amz-request-id"u8):
                RequestId = slice;
                break;
            case 17 when Is(name, "transfer-encoding"u8):
                if (!System.Text.Ascii.EqualsIgnoreCase(value, "chunked"u8) && !System.Text.Ascii.EqualsIgnoreCase(value, "identity"u8))
                {
                    throw new HttpFault(HttpFaultKind.Malformed, "sent a Transfer-Encoding other than chunked");
                }

                Chunked = System.Text.Ascii.EqualsIgnoreCase(value, "chunked"u8);
                break;
            case 19 when Is(name, "x-amz-bucket-region"u8):
                BucketRegion = slice;
                break;
            case 19 when Is(name, "x-amz-storage-class"u8):
                StorageClass = slice;
                break;
        }
    }

    /// <summary>"bytes 0-99/1234", "bytes 0-99/*" or, with 416, "bytes */1234".</summary>
    private void ParseRange(ReadOnlySpan<byte> value)
    {
        if (!value.StartsWith("bytes "u8))
        {
            return;
        }

        value = value[6..];
        int slash = value.IndexOf((byte)'/');
        int dash = value.IndexOf((byte)'-');
        if (slash < 0)
        {
            return;
        }

        if (Utf8Parser.TryParse(value[(slash + 1)..], out long total, out _))
        {
            RangeTotal = total;
        }

        if (dash > 0 && dash < slash && Utf8Parser.TryParse(value[..dash], out long start, out _) && Utf8Parser.TryParse(value[(dash + 1)..slash], out long end, out _) && end >= start)
        {
            RangeStart = start;
            RangeEnd = end;
        }
    }

    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> lower) => System.Text.Ascii.EqualsIgnoreCase(name, lower);
}
