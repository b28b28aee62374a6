using System.Globalization;

namespace MLPlatform.Core;

/// <summary>What distinguishes one version of an object from the next within its store. Equal identities (with equal lengths) mean equal bytes.</summary>
public readonly record struct ObjectIdentity
{
    private ObjectIdentity(IdentityKind kind, UInt128 value, string? text)
    {
        Kind = kind;
        Value = value;
        Text = text;
    }

    private static readonly System.Buffers.SearchValues<char> s_lowerHex = System.Buffers.SearchValues.Create("0123456789abcdef");

    public IdentityKind Kind { get; }

    /// <summary>The 16 bytes of the identity; zero for <see cref="IdentityKind.TextETag"/>.</summary>
    public UInt128 Value { get; }

    /// <summary>Only for <see cref="IdentityKind.TextETag"/>.</summary>
    public string? Text { get; }

    public static ObjectIdentity None => default;

    /// <param name="etag">As a server sent it, with or without quotes; empty gives <see cref="None"/>.</param>
    public static ObjectIdentity FromETag(ReadOnlySpan<char> etag)
    {
        etag = etag.Trim().Trim('"');
        if (etag.IsEmpty)
        {
            return None;
        }

        // Upper-case digits would not survive the 16-byte form, and If-Match compares text.
        if (etag.Length == 32 && etag.IndexOfAnyExcept(s_lowerHex) < 0)
        {
            return new ObjectIdentity(IdentityKind.HexETag, UInt128.Parse(etag, NumberStyles.HexNumber, CultureInfo.InvariantCulture), null);
        }

        return new ObjectIdentity(IdentityKind.TextETag, 0, etag.ToString());
    }

    public static ObjectIdentity FromFile(long mtimeNanoseconds, ulong inode) =>
        new(IdentityKind.FileStat, new UInt128((ulong)mtimeNanoseconds, inode), null);

    public static ObjectIdentity FromHdfs(long mtimeMilliseconds, ulong fileId) =>
        new(IdentityKind.HdfsFile, new UInt128((ulong)mtimeMilliseconds, fileId), null);

    /// <summary>Rebuilds an identity from its stored parts (manifest format).</summary>
    public static ObjectIdentity FromParts(IdentityKind kind, UInt128 value, string? text) => new(kind, value, text);

    /// <summary>The ETag without quotes, or null for other kinds.</summary>
    public string? ETag => Kind switch
    {
        IdentityKind.HexETag => Value.ToString("x32", CultureInfo.InvariantCulture),
        IdentityKind.TextETag => Text,
        _ => null,
    };

    public override string ToString() => Kind switch
    {
        IdentityKind.None => "none",
        IdentityKind.HexETag or IdentityKind.TextETag => $"etag {ETag}",
        _ => $"mtime {(ulong)(Value >> 64)} id {(ulong)Value}",
    };
}
