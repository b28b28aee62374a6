using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.Http;
using MLPlatform.UnderStore.Retry;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

/// <summary>TLS with an authority of one's own, and proxies.</summary>
public sealed class HttpConnectorTests : IDisposable
{
    private const string Listing = "<ListBucketResult></ListBucketResult>";

    private static readonly HttpTimeouts s_timeouts = new(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30));

    private readonly X509Certificate2 _certificate = MakeCertificate();
    private readonly string _bundle = Path.GetTempFileName();

    public HttpConnectorTests() => File.WriteAllText(_bundle, _certificate.ExportCertificatePem());

    public void Dispose()
    {
        _certificate.Dispose();
        File.Delete(_bundle);
    }

    [Fact]
    public async Task Https_AuthorityInTheBundle_IsTrusted()
    {
        using TcpListener listener = Listen();
        Task<string> serving = ServeTlsAsync(listener, S3UnderStoreTests.Xml(Listing));
        await using S3UnderStore store = Open(listener, "localhost", _bundle);
        await store.CheckAsync(S3UnderStoreTests.Limit());
        Assert.Contains($"Host: localhost:{Port(listener)}\r\n", await serving, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("bundle, but for another name")]
    public async Task Https_CertificateNotTrusted_SaysWhatToDo(string? bundle)
    {
        using TcpListener listener = Listen();
        _ = ServeTlsAsync(listener, S3UnderStoreTests.Xml(Listing)).ContinueWith(static t => t.Exception, TaskScheduler.Default);
        await using S3UnderStore store = Open(listener, bundle is null ? "localhost" : "127.0.0.1", bundle is null ? null : _bundle);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(S3UnderStoreTests.Limit()));
        Assert.Equal(CacheError.Unreachable, e.Error);
        Assert.Contains("AWS_CA_BUNDLE", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Https_ServerSpeaksPlainHttp_IsOneSentence()
    {
        await using ScriptedServer server = new(static (_, _, _) => Task.FromResult(false));
        await using S3UnderStore store = Open(new Uri(server.Endpoint.Replace("http:", "https:", StringComparison.Ordinal)), _bundle);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token));
        Assert.Equal(CacheError.Unreachable, e.Error);
    }

    [Fact]
    public async Task Proxy_ForHttp_GetsTheWholeUrlAndItsPassword()
    {
        await using ScriptedServer proxy = ScriptedServer.Of(S3UnderStoreTests.Xml(Listing));
        string request = await ExchangeAsync(new HttpOrigin(false, "store.test", 9000), new Uri(proxy.Endpoint.Replace("//", "//user:p%40ss@", StringComparison.Ordinal)), null);
        Assert.Equal("200", request);
        string head = Assert.Single(proxy.Requests);
        Assert.StartsWith("GET http://store.test:9000/b?list-type=2 HTTP/1.1\r\nHost: store.test:9000\r\n", head, StringComparison.Ordinal);
        Assert.Contains($"Proxy-Authorization: Basic {Convert.ToBase64String("user:p@ss"u8)}\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_ForHttps_IsATunnel()
    {
        string? inner = null;
        await using ScriptedServer proxy = new(async (request, stream, token) =>
        {
            Assert.StartsWith("CONNECT localhost:9443 HTTP/1.1\r\nHost: localhost:9443\r\n", request, StringComparison.Ordinal);
            await stream.WriteAsync("HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"u8.ToArray(), token);
            await using SslStream tls = new(stream, leaveInnerStreamOpen: true);
            await tls.AuthenticateAsServerAsync(_certificate);
            inner = await AnswerAsync(tls, S3UnderStoreTests.Xml(Listing));
            return false;
        });
        string status = await ExchangeAsync(new HttpOrigin(true, "localhost", 9443), new Uri(proxy.Endpoint), [_certificate]);
        Assert.Equal("200", status);
        Assert.StartsWith("GET /b?list-type=2 HTTP/1.1\r\nHost: localhost:9443\r\n", inner, StringComparison.Ordinal);
        Assert.DoesNotContain("Proxy-Authorization", inner, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_Refuses_IsToldWithoutItsPassword()
    {
        await using ScriptedServer proxy = ScriptedServer.Of("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        HttpFault fault = await Assert.ThrowsAsync<HttpFault>(() => ExchangeAsync(new HttpOrigin(true, "localhost", 9443), new Uri(proxy.Endpoint.Replace("//", "//user:secret@", StringComparison.Ordinal)), null));
        Assert.Equal(HttpFaultKind.Proxy, fault.Kind);
        Assert.Contains("answered 407", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.9")]
    [InlineData("::1")]
    public void ProxyFor_ThisMachine_IsNone(string host) => Assert.Null(HttpConnector.ProxyFor(new HttpOrigin(false, host, 80)));

    private static async Task<string> ExchangeAsync(HttpOrigin origin, Uri proxy, X509Certificate2Collection? authorities)
    {
        HttpConnector connector = new(origin, proxy, authorities);
        await using HttpConnectionPool pool = new(connector, TimeProvider.System, s_timeouts, 1);
        S3Target target = new("us-east-1", connector, pool, "/b");
        HttpConnection connection = await pool.RentAsync(fresh: false, S3UnderStoreTests.Limit());
        try
        {
            new S3Request(false, null, "list-type=2"u8.ToArray()).Write(connection.Request, connection.Scratch, target, null, new AmzDate(DateTimeOffset.UnixEpoch), SigV4.UnsignedPayload);
            await connection.ExchangeAsync(isHead: false, s_timeouts.Stall);
            return connection.Head.Status.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        finally
        {
            connection.Release();
        }
    }

    private static TcpListener Listen()
    {
        TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private static int Port(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    private static S3UnderStore Open(TcpListener listener, string host, string? bundle) => Open(new Uri($"https://{host}:{Port(listener)}"), bundle);

    private static S3UnderStore Open(Uri endpoint, string? bundle)
    {
        UnderStoreOptions options = new() { EndpointUrl = endpoint.ToString(), Anonymous = true };
        S3Addressing addressing = new("bucket", options, TimeProvider.System, name => name == "AWS_CA_BUNDLE" ? bundle : null);
        return new S3UnderStore(addressing, S3CredentialChain.Open(options, TimeProvider.System), options, new RetryPolicy(new Random(1)), TimeProvider.System, NullLogger.Instance);
    }

    private async Task<string> ServeTlsAsync(TcpListener listener, string answer)
    {
        using TcpClient client = await listener.AcceptTcpClientAsync(S3UnderStoreTests.Limit());
        await using SslStream tls = new(client.GetStream());
        await tls.AuthenticateAsServerAsync(_certificate);
        return await AnswerAsync(tls, answer);
    }

    private static async Task<string> AnswerAsync(SslStream tls, string answer)
    {
        string request = "";
        byte[] buffer = new byte[8192];
        while (!request.EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            int got = await tls.ReadAsync(buffer, S3UnderStoreTests.Limit());
            if (got == 0)
            {
                return request;
            }

            request += Encoding.ASCII.GetString(buffer, 0, got);
        }

        await tls.WriteAsync(Encoding.ASCII.GetBytes(answer), S3UnderStoreTests.Limit());
        return request;
    }

    private static X509Certificate2 MakeCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
