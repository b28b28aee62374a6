using System.Buffers.Binary;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Names one immutable version of a dataset: the SHA-256 that stands for its manifest. Prints as <c>sha256:</c> and 64 lower-case hexadecimal digits.</summary>
public readonly record struct DatasetVersionId : IComparable<DatasetVersionId>
{
    public const string Scheme = "sha256:";
    public const int ByteCount = 32;

    /// <summary>Shorter prefixes are more often a typing mistake than a wish.</summary>
    public const int MinPrefixDigits = 4;

    private const int ShortDigits = 12;

    private readonly UInt128 _high;
    private readonly UInt128 _low;

    private DatasetVersionId(UInt128 high, UInt128 low)
    {
        _high = high;
        _low = low;
    }

    /// <summary>The 64 digits alone, as they stand in file names.</summary>
    public string Hex => $"{_high:x32}{_low:x32}";

    /// <summary>Enough to tell the versions of one dataset apart in a table.</summary>
    public string Short => Scheme + Hex[..ShortDigits];

    /// <param name="digest">Exactly 32 bytes.</param>
    public static DatasetVersionId FromBytes(ReadOnlySpan<byte> digest)
    {
        Invariant.That(digest.Length == ByteCount);
        return new DatasetVersionId(BinaryPrimitives.ReadUInt128BigEndian(digest), BinaryPrimitives.ReadUInt128BigEndian(digest[16..]));
    }

    /// <summary>Reads the full form, with or without <c>sha256:</c>.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DatasetVersionId id)
    {
        id = default;
        text = Digits(text);
        Span<byte> digest = stackalloc byte[ByteCount];
        if (text.Length != 2 * ByteCount || Convert.FromHexString(text, digest, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        id = FromBytes(digest);
        return true;
    }

    /// <summary>Could be the beginning of a version: at least four hexadecimal digits, with or without <c>sha256:</c>.</summary>
    public static bool IsPrefix(ReadOnlySpan<char> text)
    {
        text = Digits(text);
        if (text.Length is < MinPrefixDigits or > 2 * ByteCount)
        {
            return false;
        }

        foreach (char c in text)
        {
            if (!char.IsAsciiHexDigit(c))
            {
                return false;
            }
        }

        return true;
    }

    public bool StartsWith(ReadOnlySpan<char> prefix) => Hex.AsSpan().StartsWith(Digits(prefix), StringComparison.OrdinalIgnoreCase);

    /// <summary>Finds the one version that a prefix stands for.</summary>
    /// <exception cref="CacheException"><c>Configuration</c>: no prefix, or several versions begin with it; <c>NotFound</c>: none does.</exception>
    public static DatasetVersionId Resolve(string prefix, IEnumerable<DatasetVersionId> versions, string dataset)
    {
        if (!IsPrefix(prefix))
        {
            throw new CacheException(CacheError.Configuration, $"`{prefix}` is no version: a version is `sha256:` and at least {MinPrefixDigits} hexadecimal digits; `mlp dataset versions {dataset}` lists them.");
        }

        DatasetVersionId? found = null;
        foreach (DatasetVersionId version in versions)
        {
            if (!version.StartsWith(prefix))
            {
                continue;
            }

            if (found is { } other && other != version)
            {
                throw new CacheException(CacheError.Configuration, $"`{prefix}` stands for more than one version of {dataset} ({other.Short}, {version.Short}); give more digits.");
            }

            found = version;
        }

        return found ?? throw new CacheException(CacheError.NotFound, $"Dataset {dataset} has no version `{prefix}`; `mlp dataset versions {dataset}` lists them.");
    }

    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt128BigEndian(destination, _high);
        BinaryPrimitives.WriteUInt128BigEndian(destination[16..], _low);
    }

    public int CompareTo(DatasetVersionId other) => _high != other._high ? _high.CompareTo(other._high) : _low.CompareTo(other._low);

    public override string ToString() => Scheme + Hex;

    public static bool operator <(DatasetVersionId left, DatasetVersionId right) => left.CompareTo(right) < 0;

    public static bool operator >(DatasetVersionId left, DatasetVersionId right) => left.CompareTo(right) > 0;

    public static bool operator <=(DatasetVersionId left, DatasetVersionId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(DatasetVersionId left, DatasetVersionId right) => left.CompareTo(right) >= 0;

    private static ReadOnlySpan<char> Digits(ReadOnlySpan<char> text) => text.StartsWith(Scheme, StringComparison.Ordinal) ? text[Scheme.Length..] : text;
}
