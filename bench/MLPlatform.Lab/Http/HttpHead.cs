using System.Buffers.Text;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>The start line and fields of one HTTP/1.1 message, read in place. Knows what framing needs and nothing else.</summary>
internal readonly ref struct HttpHead
{
    /// <param name="bytes">From the first byte of the start line to the end of the empty line.</param>
    public HttpHead(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    public ReadOnlySpan<byte> Bytes { get; }

    public ReadOnlySpan<byte> StartLine => Bytes[..LineLength(Bytes)];

    /// <summary>Of a response; 0 when the start line is none.</summary>
    public int Status => StartLine.Length >= 12 && Utf8Parser.TryParse(StartLine.Slice(9, 3), out int status, out _) ? status : 0;

    public bool IsChunked => TryGet("transfer-encoding"u8, out ReadOnlySpan<byte> value) && Has(value, "chunked"u8);

    public bool ExpectsContinue => TryGet("expect"u8, out ReadOnlySpan<byte> value) && Has(value, "100-continue"u8);

    /// <summary>True when the sender will close the connection after this message.</summary>
    public bool Closes => TryGet("connection"u8, out ReadOnlySpan<byte> value)
        ? Has(value, "close"u8)
        : StartLine.StartsWith("HTTP/1.0"u8) || StartLine.EndsWith("HTTP/1.0"u8);

    /// <returns>-1 when the field is absent or no number.</returns>
    public long ContentLength =>
        TryGet("content-length"u8, out ReadOnlySpan<byte> value) && Utf8Parser.TryParse(value, out long length, out int used) && used == value.Length
            ? length
            : -1;

    public string Method
    {
        get
        {
            ReadOnlySpan<byte> line = StartLine;
            int space = line.IndexOf((byte)' ');
            return Encoding.ASCII.GetString(space < 0 ? line : line[..space]);
        }
    }

    public string Target
    {
        get
        {
            ReadOnlySpan<byte> line = StartLine;
            line = line[(line.IndexOf((byte)' ') + 1)..];
            int space = line.LastIndexOf((byte)' ');
            return Encoding.UTF8.GetString(space < 0 ? line : line[..space]);
        }
    }

    /// <param name="name">In lower case.</param>
    /// <param name="value">Without surrounding blanks; the first one where the field stands twice.</param>
    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        ReadOnlySpan<byte> rest = Bytes[Math.Min(Bytes.Length, LineLength(Bytes) + 2)..];
        while (!rest.IsEmpty)
        {
            int length = LineLength(rest);
            ReadOnlySpan<byte> line = rest[..length];
            if (line.Length > name.Length && line[name.Length] == (byte)':' && Ascii.EqualsIgnoreCase(line[..name.Length], name))
            {
                value = line[(name.Length + 1)..].Trim(" \t"u8);
                return true;
            }

            rest = rest[Math.Min(rest.Length, length + 2)..];
        }

        value = default;
        return false;
    }

    private static int LineLength(ReadOnlySpan<byte> text)
    {
        int end = text.IndexOf("\r\n"u8);
        return end < 0 ? text.Length : end;
    }

    private static bool Has(ReadOnlySpan<byte> list, ReadOnlySpan<byte> word)
    {
        for (int i = 0; i + word.Length <= list.Length; i++)
        {
            if (Ascii.EqualsIgnoreCase(list.Slice(i, word.Length), word))
            {
                return true;
            }
        }

        return false;
    }
}
