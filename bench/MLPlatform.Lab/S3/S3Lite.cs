using System.Collections.Concurrent;
using System.Globalization;
using System.Net;

namespace MLPlatform.Lab;

/// <summary>
/// A small S3 client that prepares and questions stores for tests, independent of the SDK. Path-style, plain HTTP, blocking
/// calls; any thread may use it.
/// </summary>
public sealed class S3Lite : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);

    private readonly ConcurrentBag<S3Connection> _idle = [];

    /// <param name="signer">Null sends nothing signed.</param>
    public S3Lite(Uri endpoint, S3Signer? signer = null)
    {
        Endpoint = endpoint;
        Signer = signer;
    }

    public Uri Endpoint { get; }

    public S3Signer? Signer { get; }

    /// <summary>Sends any request.</summary>
    /// <param name="path">Escaped, with its leading slash.</param>
    /// <param name="query">Escaped, without the question mark.</param>
    /// <param name="body">Seekable and sent from its start; not covered by the signature.</param>
    /// <param name="headers">Sent and signed; names in lower case.</param>
    public S3Response Send(string method, string path, string query = "", Stream? body = null, params IReadOnlyList<(string Name, string Value)> headers)
    {
        if (!_idle.TryTake(out S3Connection? connection))
        {
            connection = new S3Connection(Endpoint, Signer, s_timeout);
        }

        bool usable = false;
        try
        {
            S3Response response = connection.Send(method, path, query, headers, body);
            usable = true;
            return response;
        }
        finally
        {
            if (usable)
            {
                _idle.Add(connection);
            }
            else
            {
                connection.Dispose();
            }
        }
    }

    /// <summary>Makes a bucket; one that is ours already is fine.</summary>
    public void CreateBucket(string bucket)
    {
        S3Response response = Send("PUT", "/" + S3Escape.Escape(bucket, keepSlash: false));
        if (response.ErrorCode is not ("BucketAlreadyOwnedByYou" or "BucketAlreadyExists"))
        {
            Expect(response, $"PUT bucket {bucket}", 200);
        }
    }

    /// <returns>The ETag, without quotes.</returns>
    public string Put(string bucket, string key, Stream content) => Expect(Send("PUT", PathOf(bucket, key), "", content), $"PUT {key}", 200).ETag;

    /// <returns>The ETag, without quotes.</returns>
    public string Put(string bucket, string key, byte[] content) => Put(bucket, key, new MemoryStream(content));

    public byte[] Get(string bucket, string key) => Expect(Send("GET", PathOf(bucket, key)), $"GET {key}", 200).Body;

    public void Delete(string bucket, string key) => Expect(Send("DELETE", PathOf(bucket, key)), $"DELETE {key}", 204);

    /// <summary>All keys below a prefix with their lengths, page after page.</summary>
    public IEnumerable<(string Key, long Length)> List(string bucket, string prefix = "")
    {
        string token = "";
        do
        {
            string query = $"list-type=2&encoding-type=url&prefix={S3Escape.Escape(prefix, false)}{(token.Length == 0 ? "" : "&continuation-token=" + S3Escape.Escape(token, false))}";
            string page = Expect(Send("GET", "/" + S3Escape.Escape(bucket, false), query), $"LIST {bucket}", 200).Text;
            foreach (string entry in page.Split("<Contents>").Skip(1))
            {
                yield return (S3Escape.Unescape(S3Response.Between(entry, "<Key>", "</Key>"), plusIsSpace: true),
                    long.Parse(S3Response.Between(entry, "<Size>", "</Size>"), CultureInfo.InvariantCulture));
            }

            token = WebUtility.HtmlDecode(S3Response.Between(page, "<NextContinuationToken>", "</NextContinuationToken>"));
        }
        while (token.Length > 0);
    }

    public void Dispose()
    {
        while (_idle.TryTake(out S3Connection? connection))
        {
            connection.Dispose();
        }
    }

    internal static string PathOf(string bucket, string key) => $"/{S3Escape.Escape(bucket, false)}/{S3Escape.Escape(key, keepSlash: true)}";

    private static S3Response Expect(S3Response response, string what, int status) =>
        response.Status == status ? response : throw new IOException($"{what} gave {response.Status} {response.ErrorCode}.");
}
