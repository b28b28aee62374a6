using System.Globalization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace MLPlatform.Lab;

/// <summary>Answers one S3 request. Called by Kestrel on its I/O threads; holds no state but counters.</summary>
internal sealed partial class OriginApplication : IHttpApplication<IFeatureCollection>
{
    // Bytes copied into Kestrel's pipe before they are sent: large enough that a system call does not count, small enough
    // to still lie in the cache when the kernel copies them.
    public const int FlushBytes = 256 << 10;

    private static readonly StringValues s_xml = "application/xml";
    private static readonly StringValues s_binary = "binary/octet-stream";
    private static readonly StringValues s_bytes = "bytes";

    private readonly LightOriginOptions _options;
    private readonly OriginAuthenticator? _authenticator;
    private long _gets;
    private long _heads;
    private long _lists;
    private long _puts;
    private long _others;
    private long _errors;
    private long _bodyBytes;
    private long _requests;

    public OriginApplication(IOriginSource source, LightOriginOptions options)
    {
        Source = source;
        _options = options;
        _authenticator = options is { AccessKey: { } accessKey, SecretKey: { } secretKey } ? new OriginAuthenticator(accessKey, secretKey, options.Region) : null;
    }

    public IOriginSource Source { get; }

    public OriginCounters ReadCounters() => new(
        Interlocked.Read(ref _gets),
        Interlocked.Read(ref _heads),
        Interlocked.Read(ref _lists),
        Interlocked.Read(ref _puts),
        Interlocked.Read(ref _others),
        Interlocked.Read(ref _errors),
        Interlocked.Read(ref _bodyBytes));

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
        // The feature collection is the connection's own and lives on.
    }

    public Task ProcessRequestAsync(IFeatureCollection context)
    {
        Exchange exchange = new(context, OriginTarget.Parse(context.GetRequiredFeature<IHttpRequestFeature>().RawTarget));
        if (_authenticator?.Check(exchange.Method, exchange.Target, exchange.RequestHeaders) is { } refusal)
        {
            // S3 tells the region even to strangers: a HEAD of the bucket is how clients find it.
            Interlocked.Increment(ref _others);
            exchange.ResponseHeaders["x-amz-bucket-region"] = _options.Region;
            return Refuse(exchange, refusal);
        }

        return (exchange.Method, exchange.Target) switch
        {
            ("GET", { Key.Length: > 0 }) => GetObject(exchange),
            ("HEAD", { Key.Length: > 0 }) => HeadObject(exchange),
            ("GET", { Bucket.Length: > 0 }) => GetBucket(exchange),
            ("HEAD", { Bucket.Length: > 0 }) => HeadBucket(exchange),
            ("PUT", { Bucket.Length: > 0 }) => Put(exchange),
            ("DELETE", { Bucket.Length: > 0 }) => Delete(exchange),
            _ => AnswerOther(exchange),
        };
    }

    private Task AnswerOther(Exchange exchange)
    {
        Interlocked.Increment(ref _others);
        return exchange.Method == "GET" ? WriteXml(exchange, 200, OriginXml.Buckets(Source.Buckets)) : Refuse(exchange, OriginError.MethodNotAllowed);
    }

    private Task HeadBucket(Exchange exchange)
    {
        Interlocked.Increment(ref _heads);
        exchange.ResponseHeaders["x-amz-bucket-region"] = _options.Region;
        return Source.HasBucket(exchange.Target.Bucket) ? WriteXml(exchange, 200, null) : Refuse(exchange, OriginError.NoSuchBucket);
    }

    private Task GetBucket(Exchange exchange)
    {
        OriginTarget target = exchange.Target;
        if (target.Asks("location"))
        {
            Interlocked.Increment(ref _others);
            return Source.HasBucket(target.Bucket) ? WriteXml(exchange, 200, OriginXml.Location(_options.Region)) : Refuse(exchange, OriginError.NoSuchBucket);
        }

        Interlocked.Increment(ref _lists);
        if (!Source.HasBucket(target.Bucket))
        {
            return Refuse(exchange, OriginError.NoSuchBucket);
        }

        int version = target.Parameter("list-type") == "2" ? 2 : 1;
        int maxKeys = 1000;
        string? token = version == 2 ? target.Parameter("continuation-token") : null;
        string after = target.Parameter(version == 2 ? "start-after" : "marker") ?? "";
        string? from = string.IsNullOrEmpty(token) ? after : OriginXml.FromToken(token);
        if (from is null || (target.Parameter("max-keys") is { } asked && (!int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out maxKeys))))
        {
            return Refuse(exchange, OriginError.InvalidArgument);
        }

        ListQuery query = new(
            target.Bucket,
            target.Parameter("prefix") ?? "",
            target.Parameter("delimiter") ?? "",
            after,
            token,
            maxKeys,
            target.Parameter("encoding-type") == "url",
            version);
        ListResult result = ListPage(query, from);
        return WriteXml(exchange, 200, OriginXml.Listing(query, result, !_options.UnquotedETags));
    }

    private ListResult ListPage(ListQuery query, string from)
    {
        int limit = Math.Min(Math.Min(query.MaxKeys, 1000), _options.MaxPageKeys);
        if (_options.ShortPages && limit > 0)
        {
            // The page's start decides, so that a test sees the same pages each time.
            ulong draw = SyntheticContent.Mix((ulong)from.Length + (ulong)SyntheticContent.PhaseOf(0, from));
            if (draw % 5 == 0 && query.Token is not null && !from.EndsWith('\0'))
            {
                // An empty page must still move on: behind the same key, and not empty again.
                return new ListResult([], [], from + '\0');
            }

            limit = 1 + (int)(draw % (ulong)limit);
        }

        return OriginLister.List(Source, query.Bucket, query.Prefix, query.Delimiter, from, limit);
    }

    private async Task Refuse(Exchange exchange, OriginError error)
    {
        Interlocked.Increment(ref _errors);
        string? region = error.Code == "AuthorizationHeaderMalformed" ? _options.Region : null;
        await WriteXml(exchange, error.Status, OriginXml.Error(error, exchange.Target.Path, NextRequestId(), region));
    }

    /// <param name="xml">Disposed here; null is an empty body.</param>
    private static async Task WriteXml(Exchange exchange, int status, OriginXml? xml)
    {
        using (xml)
        {
            exchange.Response.StatusCode = status;
            if (exchange.Method == "HEAD")
            {
                return; // S3 gives no reason either.
            }

            exchange.ResponseHeaders.ContentLength = xml?.Body.Length ?? 0;
            if (xml is not null)
            {
                exchange.ResponseHeaders.ContentType = s_xml;
                await exchange.Body.Writer.WriteAsync(xml.Body);
            }
        }
    }

    private string NextRequestId() => Interlocked.Increment(ref _requests).ToString("X16", CultureInfo.InvariantCulture);

    /// <summary>One request with the features this application uses.</summary>
    private readonly struct Exchange(IFeatureCollection features, OriginTarget target)
    {
        private readonly IHttpRequestFeature _request = features.GetRequiredFeature<IHttpRequestFeature>();

        public OriginTarget Target { get; } = target;

        public IHttpResponseFeature Response { get; } = features.GetRequiredFeature<IHttpResponseFeature>();

        public IHttpResponseBodyFeature Body { get; } = features.GetRequiredFeature<IHttpResponseBodyFeature>();

        public string Method => _request.Method;

        public IHeaderDictionary RequestHeaders => _request.Headers;

        public IHeaderDictionary ResponseHeaders => Response.Headers;

        public Stream RequestBody => _request.Body;
    }
}
