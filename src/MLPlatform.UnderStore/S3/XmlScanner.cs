using System.Text;

namespace MLPlatform.UnderStore.S3;

/// <summary>
/// Reads the small XML that S3 answers with, in place: elements, their text, entities and CDATA; attributes, comments and
/// namespaces are passed over. Far from every XML, so what it cannot follow makes it stop with <see cref="Failed"/>.
/// </summary>
internal ref struct XmlScanner(ReadOnlySpan<byte> xml)
{
    private readonly ReadOnlySpan<byte> _xml = xml;
    private int _at;
    private bool _selfClosed;

    /// <summary>Local name of the element that begins or ends here.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>Between the start and end of an element without children: its text as it stands, entities included.</summary>
    public ReadOnlySpan<byte> RawText { get; private set; }

    /// <summary>True at an end tag, false at a start tag.</summary>
    public bool IsEnd { get; private set; }

    public bool Failed { get; private set; }

    /// <summary>Moves to the next start or end tag. At an end tag <see cref="RawText"/> is what stands before it.</summary>
    public bool Read()
    {
        if (_selfClosed)
        {
            _selfClosed = false;
            IsEnd = true;
            RawText = default;
            return true;
        }

        int textStart = _at;
        while (true)
        {
            int open = _xml[_at..].IndexOf((byte)'<');
            if (open < 0)
            {
                return false;
            }

            int tag = _at + open;
            ReadOnlySpan<byte> rest = _xml[tag..];
            if (rest.StartsWith("<!--"u8))
            {
                if (!SkipPast(tag, "-->"u8))
                {
                    return Fail();
                }

                continue;
            }

            if (rest.StartsWith("<![CDATA["u8))
            {
                if (!SkipPast(tag, "]]>"u8))
                {
                    return Fail();
                }

                continue; // It stays part of the text, and Unescape takes it out of its wrapping.
            }

            if (rest.StartsWith("<?"u8) || rest.StartsWith("<!"u8))
            {
                if (!SkipPast(tag, ">"u8))
                {
                    return Fail();
                }

                textStart = _at;
                continue;
            }

            int close = rest.IndexOf((byte)'>');
            if (close < 0)
            {
                return Fail();
            }

            RawText = _xml[textStart..tag];
            _at = tag + close + 1;
            ReadOnlySpan<byte> inner = rest[1..close];
            IsEnd = inner.StartsWith("/"u8);
            if (IsEnd)
            {
                inner = inner[1..];
            }
            else if (inner.EndsWith("/"u8))
            {
                inner = inner[..^1];
                _selfClosed = true;
            }

            int space = inner.IndexOfAny((byte)' ', (byte)'\t', (byte)'\n');
            Name = LocalName(space < 0 ? inner : inner[..space]);
            return true;
        }
    }

    /// <summary>Text with entities and CDATA resolved.</summary>
    public static byte[] Unescape(ReadOnlySpan<byte> raw)
    {
        if (raw.IndexOfAny((byte)'&', (byte)'<') < 0)
        {
            return raw.ToArray();
        }

        byte[] text = new byte[raw.Length];
        int at = 0;
        Span<byte> utf8 = stackalloc byte[4];
        while (!raw.IsEmpty)
        {
            int stop = raw.IndexOfAny((byte)'&', (byte)'<');
            if (stop < 0)
            {
                stop = raw.Length;
            }

            raw[..stop].CopyTo(text.AsSpan(at));
            at += stop;
            raw = raw[stop..];
            if (raw.IsEmpty)
            {
                break;
            }

            if (raw.StartsWith("<![CDATA["u8))
            {
                int end = raw.IndexOf("]]>"u8);
                ReadOnlySpan<byte> data = raw[9..end];
                data.CopyTo(text.AsSpan(at));
                at += data.Length;
                raw = raw[(end + 3)..];
                continue;
            }

            if (raw[0] == (byte)'<')
            {
                int end = raw.IndexOf("-->"u8);
                raw = raw[(end + 3)..];
                continue;
            }

            int semicolon = raw.IndexOf((byte)';');
            if (semicolon > 0 && TryEntity(raw[1..semicolon], out Rune rune))
            {
                int written = rune.EncodeToUtf8(utf8);
                utf8[..written].CopyTo(text.AsSpan(at));
                at += written;
                raw = raw[(semicolon + 1)..];
            }
            else
            {
                text[at++] = (byte)'&';
                raw = raw[1..];
            }
        }

        return text[..at];
    }

    private static bool TryEntity(ReadOnlySpan<byte> name, out Rune rune)
    {
        rune = name switch
        {
            _ when name.SequenceEqual("quot"u8) => new Rune('"'),
            _ when name.SequenceEqual("amp"u8) => new Rune('&'),
            _ when name.SequenceEqual("lt"u8) => new Rune('<'),
            _ when name.SequenceEqual("gt"u8) => new Rune('>'),
            _ when name.SequenceEqual("apos"u8) => new Rune('\''),
            _ => default,
        };
        if (rune.Value != 0)
        {
            return true;
        }

        if (name.Length < 2 || name[0] != (byte)'#')
        {
            return false;
        }

        bool hexadecimal = name[1] is (byte)'x' or (byte)'X';
        ReadOnlySpan<byte> digits = name[(hexadecimal ? 2 : 1)..];
        return System.Buffers.Text.Utf8Parser.TryParse(digits, out int value, out int used, hexadecimal ? 'x' : 'D')
            && used == digits.Length && Rune.TryCreate(value, out rune);
    }

    private static ReadOnlySpan<byte> LocalName(ReadOnlySpan<byte> name)
    {
        int colon = name.IndexOf((byte)':');
        return colon < 0 ? name : name[(colon + 1)..];
    }

    private bool SkipPast(int from, ReadOnlySpan<byte> end)
    {
        int found = _xml[from..].IndexOf(end);
        if (found < 0)
        {
            return false;
        }

        _at = from + found + end.Length;
        return true;
    }

    private bool Fail()
    {
        Failed = true;
        return false;
    }
}
