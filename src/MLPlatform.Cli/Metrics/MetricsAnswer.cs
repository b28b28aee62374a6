using System.Globalization;
using System.Text;

namespace MLPlatform.Cli.Metrics;

/// <summary>From the head of an HTTP request to a whole answer. Pure functions.</summary>
internal static class MetricsAnswer
{
    private const string PrometheusType = "text/plain; version=0.0.4; charset=utf-8";
    private const string PlainType = "text/plain; charset=utf-8";

    /// <param name="request">The head with the empty line at its end, or the beginning of one that is too long.</param>
    /// <param name="metrics">Makes the text of <c>/metrics</c>; only called when that is asked for.</param>
    public static byte[] To(ReadOnlySpan<byte> request, Func<string> metrics, Func<bool> isHealthy)
    {
        if (request.IndexOf("\r\n\r\n"u8) < 0)
        {
            return Write("431 Request Header Fields Too Large", PlainType, "the request is too long\n");
        }

        string line = Encoding.Latin1.GetString(request[..request.IndexOf("\r\n"u8)]);
        if (line.Split(' ') is not [var method, var target, "HTTP/1.1" or "HTTP/1.0"])
        {
            return Write("400 Bad Request", PlainType, "this is no HTTP/1.1 request\n");
        }

        if (method != "GET")
        {
            return Write("405 Method Not Allowed", PlainType, "only GET is served here\n", "Allow: GET\r\n");
        }

        return PathOf(target) switch
        {
            "/metrics" => Write("200 OK", PrometheusType, metrics()),
            "/healthz" => isHealthy() ? Write("200 OK", PlainType, "ok\n") : Write("503 Service Unavailable", PlainType, "the mount has ended\n"),
            _ => Write("404 Not Found", PlainType, "only /metrics and /healthz are served here\n"),
        };
    }

    /// <summary>Without a query, and without the server's name that a client behind a proxy puts in front.</summary>
    private static string PathOf(string target)
    {
        if (target.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            int slash = target.IndexOf('/', "http://".Length);
            target = slash < 0 ? "/" : target[slash..];
        }

        int query = target.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? target : target[..query];
    }

    private static byte[] Write(string status, string type, string body, string headers = "")
    {
        int length = Encoding.UTF8.GetByteCount(body);
        return Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\n{headers}Connection: close\r\n\r\n{body}"));
    }
}
