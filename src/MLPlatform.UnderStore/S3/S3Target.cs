using System.Text;
using MLPlatform.UnderStore.Http;

namespace MLPlatform.UnderStore.S3;

/// <summary>Where one bucket's requests go and how they are addressed; replaced whole when the bucket's region turns out to be another.</summary>
internal sealed class S3Target
{
    /// <param name="pathPrefix">Encoded: what comes before a key's slash, <c>/bucket</c> or nothing.</param>
    public S3Target(string region, HttpConnector connector, HttpConnectionPool pool, string pathPrefix)
    {
        Region = region;
        Pool = pool;
        PathPrefix = Encoding.ASCII.GetBytes(pathPrefix);
        Host = Encoding.ASCII.GetBytes(connector.Origin.Authority);
        RequestPrefix = connector.UsesAbsoluteForm ? Encoding.ASCII.GetBytes(connector.Origin.ToString()) : [];
        ProxyAuthorization = connector.UsesAbsoluteForm ? connector.ProxyAuthorization : null;
    }

    public string Region { get; }

    public HttpConnectionPool Pool { get; }

    public HttpOrigin Origin => Pool.Origin;

    public byte[] PathPrefix { get; }

    public byte[] Host { get; }

    /// <summary>What stands before the path in the request line: nothing, or scheme and host for a proxy.</summary>
    public byte[] RequestPrefix { get; }

    public string? ProxyAuthorization { get; }
}
