using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.UnderStore.Http;
using MLPlatform.UnderStore.Retry;

namespace MLPlatform.UnderStore.S3;

/// <summary>
/// One bucket's prefix as an under-store. Requests are made and signed here, over connections of our own, so that every
/// attempt is counted once and bytes go from the socket to their reader; only credentials come from the SDK. Any thread may
/// call it. It knows nothing of datasets, so keys that no POSIX name can be are shown as they are.
/// </summary>
internal sealed partial class S3UnderStore : IUnderStore
{
    // A bucket's region is told by the first wrong answer; a second and third cover an endpoint that moved meanwhile.
    private const int MaxRedirects = 3;

    private const int MaxErrorBytes = 256 << 10;

    // Longest wait of CheckAsync, so that a black hole is told within ten seconds.
    private static readonly TimeSpan s_checkTime = TimeSpan.FromSeconds(9.5);

    private readonly S3Addressing _addressing;
    private readonly IS3CredentialSource _credentials;
    private readonly Retrier _retrier;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly UnderStoreOptions _options;
    private readonly byte[] _root;
    private readonly Lock _lock = new();
    private readonly List<S3Target> _retired = [];
    private volatile S3Target? _target;
    private volatile AmzDate _date;
    private bool _disposed;

    public S3UnderStore(S3Addressing addressing, IS3CredentialSource credentials, UnderStoreOptions options, RetryPolicy policy, TimeProvider time, ILogger logger)
    {
        _addressing = addressing;
        _credentials = credentials;
        _options = options;
        _time = time;
        _logger = logger;
        Scope = ScopeOf(options, Environment.GetEnvironmentVariable);
        _root = addressing.Prefix.Length == 0 ? [] : Encoding.UTF8.GetBytes(addressing.Prefix + "/");
        _date = new AmzDate(time.GetUtcNow());
        StoreGate gate = new(time, options.MaxParallelism);
        gate.StateChanged += OnStateChanged;
        _retrier = new Retrier(time, policy, new RetryBudget(time), gate, Counters);
    }

    public string Uri => _addressing.Uri;

    public string Scope { get; }

    public bool ReadsAreGuarded => true;

    public int SuggestedParallelism => _retrier.Gate.Limit;

    public UnderStoreCounters Counters { get; } = new();

    /// <summary>Connections in use and idle, for leak tests.</summary>
    internal (int Busy, int Idle) Connections => _target?.Pool.Count ?? default;

    internal string Region => Target().Region;

    public static S3UnderStore Open(UnderStoreUri uri, UnderStoreOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        if (options.MaxParallelism < 1)
        {
            throw UnderStoreUri.Bad($"A parallelism of {options.MaxParallelism} cannot work; give at least 1.");
        }

        return new S3UnderStore(
            new S3Addressing(uri.Rest, options, time, Environment.GetEnvironmentVariable),
            S3CredentialChain.Open(options, time),
            options,
            new RetryPolicy(new Random(Environment.TickCount ^ uri.Rest.GetHashCode(StringComparison.Ordinal))),
            time,
            loggers.CreateLogger("MLPlatform.UnderStore.S3"));
    }

    /// <summary>
    /// Where credentials come from, not what they are: temporary ones change by the hour and must not empty a cache. Long-lived key ids in the
    /// environment do count, since they are how one user becomes another.
    /// </summary>
    internal static string ScopeOf(UnderStoreOptions options, Func<string, string?> environment)
    {
        string who = options.Anonymous ? "anonymous" : options.Credentials ?? "chain";
        if (!options.Anonymous && options.Credentials is null or "env")
        {
            string key = environment("AWS_ACCESS_KEY_ID") ?? "";

            // The Security Token Service gives out ids that begin with ASIA.
            who += $" {environment("AWS_PROFILE")} {(key.StartsWith("ASIA", StringComparison.Ordinal) ? "" : key)}";
        }

        return $"{options.EndpointUrl} {who}";
    }

    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(s_checkTime, _time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        byte[] query = ListQuery(_root, delimiter: false, maxKeys: 1, startAfter: null, token: null);
        try
        {
            // A person waits: a broken connection is tried again, an endpoint that is wrong is told at once.
            ListState state = new(this, query, _options.FirstByteTimeout)
            {
                MaxFailures = 3,
                Reports = static e => e.InnerException is HttpFault { Kind: HttpFaultKind.NoSuchHost or HttpFaultKind.Refused or HttpFaultKind.Tls or HttpFaultKind.Proxy },
            };
            await ListAsync(state, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw e.InnerException as CacheException
                ?? new CacheException(CacheError.Unreachable, $"{Uri} cannot be reached: {Target().Origin} did not answer within {Duration.Format(s_checkTime)}; check --endpoint-url and the network.", e);
        }
    }

    public SafeFileHandle? OpenLocal(StoreObject storeObject) => null;

    public async ValueTask DisposeAsync()
    {
        S3Target[] targets;
        lock (_lock)
        {
            _disposed = true;
            targets = _target is { } target ? [.. _retired, target] : [.. _retired];
            _retired.Clear();
        }

        foreach (S3Target target in targets)
        {
            await target.Pool.DisposeAsync();
        }
    }

    /// <summary>Key of a path below the root.</summary>
    private byte[] KeyOf(ReadOnlySpan<byte> path) => [.. _root, .. path];

    private string ObjectUri(ReadOnlySpan<byte> key) => $"s3://{_addressing.Bucket}/{Encoding.UTF8.GetString(key)}";

    /// <summary>What a message about a request names; made only when there is one.</summary>
    private string SubjectOf(S3Request request) => request.Key is null ? Uri : ObjectUri(request.Key);

    private S3Target Target()
    {
        if (_target is { } target)
        {
            return target;
        }

        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _target ??= _addressing.For(_addressing.Region);
        }
    }

    private AmzDate Now()
    {
        DateTimeOffset now = _time.GetUtcNow();
        AmzDate date = _date;
        if (date.UnixSecond != now.ToUnixTimeSeconds())
        {
            _date = date = new AmzDate(now);
        }

        return date;
    }

    /// <summary>Sends a request where the bucket is, with credentials that are accepted.</summary>
    /// <returns>A connection whose head says success; the caller reads its body and releases it.</returns>
    /// <exception cref="CacheException">The answer was no success, or none came.</exception>
    private async ValueTask<HttpConnection> SendAsync(S3Request request, TimeSpan firstByte, CancellationToken cancellationToken)
    {
        S3Credentials? refused = null;
        for (int redirects = 0; ;)
        {
            S3Credentials? credentials = await _credentials.GetAsync(cancellationToken);
            S3Target target = Target();
            HttpConnection connection = await ExchangeAsync(request, target, credentials, firstByte, cancellationToken);
            if (connection.Head.Status is 200 or 206)
            {
                return connection;
            }

            ErrorAnswer answer = await ReadErrorAsync(connection, target, request);
            if (redirects < MaxRedirects && TryFollow(answer, target))
            {
                redirects++;
                continue;
            }

            if (IsRefusal(answer) && refused is null && credentials is not null)
            {
                // Keys that were rotated or expired meanwhile are renewed once; the same keys again are a true refusal.
                refused = credentials;
                _credentials.Refused(credentials);
                if (!ReferenceEquals(await _credentials.GetAsync(cancellationToken), credentials))
                {
                    continue;
                }
            }

            throw S3Errors.From(answer, target, _addressing.Bucket, SubjectOf(request), request.Key is not null, credentials is null);
        }
    }

    private static bool IsRefusal(ErrorAnswer answer) =>
        answer.Code is "ExpiredToken" or "ExpiredTokenException" or "TokenRefreshRequired" or "InvalidToken" or "InvalidAccessKeyId" or "SignatureDoesNotMatch";

    private async ValueTask<HttpConnection> ExchangeAsync(S3Request request, S3Target target, S3Credentials? credentials, TimeSpan firstByte, CancellationToken cancellationToken)
    {
        for (bool fresh = false; ; fresh = true)
        {
            HttpConnection? connection = null;
            try
            {
                connection = await target.Pool.RentAsync(fresh, cancellationToken);
                request.Write(connection.Request, connection.Scratch, target, credentials, Now(), SigV4.UnsignedPayload);
                await connection.ExchangeAsync(request.IsHead, firstByte);
                return connection;
            }
            catch (HttpFault fault)
            {
                // A server may close an idle connection just as we use it: that says nothing of the store.
                bool stale = fault.Kind == HttpFaultKind.Broken && connection is { Reused: true, AnswerBegan: false } && !fresh;
                connection?.Release();
                if (!stale)
                {
                    throw S3Errors.From(fault, target, SubjectOf(request));
                }
            }
            catch
            {
                connection?.Release();
                throw;
            }
        }
    }

    private async ValueTask<ErrorAnswer> ReadErrorAsync(HttpConnection connection, S3Target target, S3Request request)
    {
        try
        {
            int status = connection.Head.Status;
            string region = connection.HeaderText(connection.Head.BucketRegion);
            string storageClass = connection.HeaderText(connection.Head.StorageClass);
            using BodyBuffer body = new();
            await connection.ReadAllAsync(body, MaxErrorBytes);
            return ErrorAnswer.Parse(status, body.Written, region, storageClass);
        }
        catch (HttpFault fault)
        {
            throw S3Errors.From(fault, target, SubjectOf(request));
        }
        finally
        {
            connection.Release();
        }
    }

    /// <summary>Turns to the region that an answer hints at.</summary>
    /// <returns>True when the request is worth sending again.</returns>
    private bool TryFollow(ErrorAnswer answer, S3Target used)
    {
        bool elsewhere = answer.Status is 301 or 302 or 307 or 308
            || (answer.Status == 400 && (answer.Code is "AuthorizationHeaderMalformed" or "IllegalLocationConstraintException" || (answer.Code.Length == 0 && answer.Region is not null)));
        if (!elsewhere || string.IsNullOrEmpty(answer.Region) || !answer.Region.All(static c => char.IsAsciiLetterOrDigit(c) || c == '-'))
        {
            return false;
        }

        lock (_lock)
        {
            if (_disposed || _target != used)
            {
                return !_disposed; // Another request was faster.
            }

            if (answer.Region == used.Region)
            {
                return false;
            }

            S3Log.RegionFound(_logger, _addressing.Bucket, answer.Region, used.Region);

            // Requests under way end on the old one's connections.
            _retired.Add(used);
            _target = _addressing.For(answer.Region);
            return true;
        }
    }

    private void OnStateChanged(CacheException? cause)
    {
        if (cause is null)
        {
            S3Log.Recovered(_logger, Uri);
        }
        else
        {
            S3Log.Degraded(_logger, Uri, cause.Message);
        }
    }
}
