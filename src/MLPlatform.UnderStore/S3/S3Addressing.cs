using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore.Http;

namespace MLPlatform.UnderStore.S3;

/// <summary>How a bucket is reached: endpoint, region, path-style or host-style, authorities. Immutable; makes an <see cref="S3Target"/> for each region that turns out to be right.</summary>
internal sealed class S3Addressing
{
    private readonly Uri? _endpoint;
    private readonly bool? _pathStyle;
    private readonly TimeProvider _time;
    private readonly HttpTimeouts _timeouts;
    private readonly int _maxConnections;

    /// <param name="rest">What follows <c>s3://</c>.</param>
    /// <param name="variable">Reads the environment.</param>
    /// <exception cref="CacheException"><c>Configuration</c>.</exception>
    public S3Addressing(string rest, UnderStoreOptions options, TimeProvider time, Func<string, string?> variable)
    {
        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        Bucket = slash < 0 ? rest : rest[..slash];
        string prefix = slash < 0 ? "" : rest[(slash + 1)..];
        Prefix = prefix.EndsWith('/') ? prefix[..^1] : prefix;
        CheckBucket();
        _endpoint = ParseEndpoint(options.EndpointUrl ?? EndpointOf(variable));
        _pathStyle = options.PathStyle;
        _time = time;
        _timeouts = new HttpTimeouts(options.FirstByteTimeout, options.StallTimeout);
        _maxConnections = options.MaxParallelism;
        RegionIsGiven = !string.IsNullOrEmpty(options.Region);
        Region = First(options.Region, variable("AWS_REGION"), variable("AWS_DEFAULT_REGION"), _endpoint is null && !options.Anonymous ? S3CredentialChain.ProfileRegion(options.Credentials) : null) ?? "us-east-1";
        AuthoritiesFile = variable("AWS_CA_BUNDLE");
    }

    public string Bucket { get; }

    /// <summary>Of every key, without its last slash; empty for the whole bucket.</summary>
    public string Prefix { get; }

    /// <summary>Where to begin; the bucket's answers may name another.</summary>
    public string Region { get; }

    public bool RegionIsGiven { get; }

    public bool HasEndpoint => _endpoint is not null;

    public string? AuthoritiesFile { get; }

    public string Uri => Prefix.Length == 0 ? $"s3://{Bucket}" : $"s3://{Bucket}/{Prefix}";

    /// <exception cref="CacheException"><c>Configuration</c>: AWS_CA_BUNDLE cannot be used.</exception>
    public S3Target For(string region)
    {
        (HttpOrigin origin, string pathPrefix) = Locate(region);
        HttpConnector connector = new(origin, HttpConnector.ProxyFor(origin), origin.Tls ? Authorities() : null);
        return new S3Target(region, connector, new HttpConnectionPool(connector, _time, _timeouts, _maxConnections), pathPrefix);
    }

    /// <summary>Server and path of the bucket for a region.</summary>
    internal (HttpOrigin Origin, string PathPrefix) Locate(string region)
    {
        if (_endpoint is { } endpoint)
        {
            string path = endpoint.AbsolutePath.TrimEnd('/');
            bool tls = endpoint.Scheme == System.Uri.UriSchemeHttps;
            return _pathStyle != false
                ? (new HttpOrigin(tls, endpoint.IdnHost.Trim('[', ']'), endpoint.Port), $"{path}/{EncodedBucket()}")
                : (new HttpOrigin(tls, $"{Bucket}.{endpoint.IdnHost}", endpoint.Port), path);
        }

        string suffix = region.StartsWith("cn-", StringComparison.Ordinal) ? "amazonaws.com.cn" : "amazonaws.com";

        // A dot in the name would not match the certificate's wildcard, and old names hold what host names cannot.
        bool hostStyle = _pathStyle == true ? false : IsHostName(Bucket);
        return hostStyle
            ? (new HttpOrigin(true, $"{Bucket}.s3.{region}.{suffix}", 443), "")
            : (new HttpOrigin(true, $"s3.{region}.{suffix}", 443), $"/{EncodedBucket()}");
    }

    private static bool IsHostName(string bucket) => bucket.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    private static string? First(params ReadOnlySpan<string?> values)
    {
        foreach (string? value in values)
        {
            if (!string.IsNullOrEmpty(value))
            {
                return value;
            }
        }

        return null;
    }

    private static string? EndpointOf(Func<string, string?> variable) =>
        string.Equals(variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true", StringComparison.OrdinalIgnoreCase)
            ? null
            : First(variable("AWS_ENDPOINT_URL_S3"), variable("AWS_ENDPOINT_URL"));

    private static Uri? ParseEndpoint(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (!text.Contains("://", StringComparison.Ordinal))
        {
            throw UnderStoreUri.Bad($"The endpoint '{text}' lacks its scheme; write 'https://{text}' or 'http://{text}'.");
        }

        if (!System.Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || (uri.Scheme != System.Uri.UriSchemeHttp && uri.Scheme != System.Uri.UriSchemeHttps) || uri.Host.Length == 0)
        {
            throw UnderStoreUri.Bad($"The endpoint '{text}' is no http:// or https:// URL of a server.");
        }

        if (uri.UserInfo.Length > 0)
        {
            throw UnderStoreUri.Bad("The endpoint holds a user name or password; give credentials by reference instead (--credentials).");
        }

        return uri;
    }

    private void CheckBucket()
    {
        if (Bucket.Length == 0)
        {
            throw UnderStoreUri.Bad("'s3://' names no bucket; write s3://bucket or s3://bucket/prefix.");
        }

        foreach (char c in Bucket)
        {
            // Beyond AWS's own rule: older buckets have capitals and underscores, and Ceph writes tenant:bucket.
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_' or ':'))
            {
                throw UnderStoreUri.Bad($"'{Bucket}' is no bucket name: it holds the character '{c}'.");
            }
        }

        if (Encoding.UTF8.GetByteCount(Prefix) > 1023)
        {
            throw UnderStoreUri.Bad($"The prefix of s3://{Bucket} is longer than a key may be (1,024 bytes).");
        }
    }

    private string EncodedBucket() => Bucket.Replace(":", "%3A", StringComparison.Ordinal);

    private X509Certificate2Collection? Authorities()
    {
        if (string.IsNullOrEmpty(AuthoritiesFile))
        {
            return null;
        }

        X509Certificate2Collection authorities = [];
        try
        {
            authorities.ImportFromPemFile(AuthoritiesFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw UnderStoreUri.Bad($"AWS_CA_BUNDLE names '{AuthoritiesFile}', which cannot be used: {e.Message}");
        }

        return authorities.Count > 0 ? authorities : throw UnderStoreUri.Bad($"AWS_CA_BUNDLE names '{AuthoritiesFile}', which holds no certificate.");
    }
}
