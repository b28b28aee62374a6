using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>
/// AWS Signature Version 4 by the <c>Authorization</c> field, written from the specification. Independent of the SDK and of the
/// product, so that it can check both. Any thread may use it.
/// </summary>
public sealed class S3Signer
{
    /// <summary>Stands for the payload's hash where the body is not covered by the signature.</summary>
    public const string UnsignedPayload = "UNSIGNED-PAYLOAD";

    /// <summary>SHA-256 of nothing.</summary>
    public const string EmptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private readonly byte[] _secret;
    private readonly string _service;
    private volatile DerivedKey? _derived;

    public S3Signer(string accessKey, string secretKey, string region = "us-east-1", string service = "s3")
    {
        AccessKey = accessKey;
        Region = region;
        _service = service;
        _secret = Encoding.UTF8.GetBytes("AWS4" + secretKey);
    }

    public string AccessKey { get; }

    public string Region { get; }

    /// <summary>A time as <c>x-amz-date</c> carries it.</summary>
    public static string Timestamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    public static string HashOf(ReadOnlySpan<byte> payload) => Convert.ToHexStringLower(SHA256.HashData(payload));

    /// <summary>Makes the value of the <c>Authorization</c> field.</summary>
    /// <param name="path">Escaped, as in the request line.</param>
    /// <param name="query">Escaped, without the question mark; any order.</param>
    /// <param name="headers">All to be signed, <c>host</c>, <c>x-amz-date</c> and <c>x-amz-content-sha256</c> among them; names in lower case, any order.</param>
    /// <param name="payloadHash">Of the body, or <see cref="UnsignedPayload"/>.</param>
    /// <param name="timestamp">As <c>x-amz-date</c> carries it.</param>
    public string Sign(string method, string path, string query, IEnumerable<(string Name, string Value)> headers, string payloadHash, string timestamp)
    {
        (string Name, string Value)[] sorted = [.. headers.OrderBy(h => h.Name, StringComparer.Ordinal)];
        string names = string.Join(';', sorted.Select(h => h.Name));
        string scope = $"{timestamp.AsSpan(0, 8)}/{Region}/{_service}/aws4_request";
        string signature = SignatureOf(CanonicalRequest(method, path, query, sorted, names, payloadHash), scope, timestamp);
        return $"AWS4-HMAC-SHA256 Credential={AccessKey}/{scope}, SignedHeaders={names}, Signature={signature}";
    }

    internal static string CanonicalRequest(string method, string path, string query, (string Name, string Value)[] sorted, string names, string payloadHash)
    {
        StringBuilder canonical = new(256);
        canonical.Append(method).Append('\n');
        canonical.Append(path.Length == 0 ? "/" : S3Escape.Escape(S3Escape.Unescape(path), keepSlash: true)).Append('\n');
        canonical.Append(CanonicalQuery(query)).Append('\n');
        foreach ((string name, string value) in sorted)
        {
            canonical.Append(name).Append(':').Append(CollapseBlanks(value)).Append('\n');
        }

        return canonical.Append('\n').Append(names).Append('\n').Append(payloadHash).ToString();
    }

    internal string SignatureOf(string canonicalRequest, string scope, string timestamp)
    {
        string toSign = $"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{HashOf(Encoding.UTF8.GetBytes(canonicalRequest))}";
        return Convert.ToHexStringLower(HMACSHA256.HashData(KeyOf(timestamp[..8]), Encoding.UTF8.GetBytes(toSign)));
    }

    private static string CanonicalQuery(string query)
    {
        if (query.Length == 0)
        {
            return query;
        }

        List<(string Name, string Value)> pairs = [];
        foreach (string pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            ReadOnlySpan<char> name = equals < 0 ? pair : pair.AsSpan(0, equals);
            ReadOnlySpan<char> value = equals < 0 ? "" : pair.AsSpan(equals + 1);
            pairs.Add((S3Escape.Escape(S3Escape.Unescape(name), false), S3Escape.Escape(S3Escape.Unescape(value), false)));
        }

        return string.Join('&', pairs.OrderBy(p => p.Name, StringComparer.Ordinal).ThenBy(p => p.Value, StringComparer.Ordinal).Select(p => $"{p.Name}={p.Value}"));
    }

    /// <summary>Field values are compared trimmed and with runs of blanks as one.</summary>
    private static string CollapseBlanks(string value)
    {
        value = value.Trim();
        while (value.Contains("  ", StringComparison.Ordinal))
        {
            value = value.Replace("  ", " ", StringComparison.Ordinal);
        }

        return value;
    }

    private byte[] KeyOf(string date)
    {
        if (_derived is { } known && known.Date == date)
        {
            return known.Key;
        }

        byte[] key = HMACSHA256.HashData(_secret, Encoding.UTF8.GetBytes(date));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(Region));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(_service));
        key = HMACSHA256.HashData(key, "aws4_request"u8);
        _derived = new DerivedKey(date, key);
        return key;
    }

    /// <summary>Depends on the day only. Replaced as one reference, since any thread signs.</summary>
    private sealed record DerivedKey(string Date, byte[] Key);
}
