using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.Http;

/// <summary>Makes connections to one origin: names to addresses, a proxy where the environment names one, TLS. Any thread may call it.</summary>
internal sealed class HttpConnector
{
    private readonly Uri? _proxy;
    private readonly X509Certificate2Collection? _authorities;
    private int _nextAddress;

    /// <param name="proxy">An HTTP proxy, or null.</param>
    /// <param name="authorities">The only roots to trust; null for the system's. Ignored without TLS.</param>
    public HttpConnector(HttpOrigin origin, Uri? proxy, X509Certificate2Collection? authorities)
    {
        Origin = origin;
        _proxy = proxy;
        _authorities = authorities;
    }

    public HttpOrigin Origin { get; }

    /// <summary>True when requests must name the whole URL, as a proxy for plain http expects.</summary>
    public bool UsesAbsoluteForm => _proxy is not null && !Origin.Tls;

    /// <summary>The value of Proxy-Authorization that every request through <see cref="UsesAbsoluteForm"/> carries, or null.</summary>
    public string? ProxyAuthorization => _proxy is { UserInfo.Length: > 0 } proxy
        ? "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(proxy.UserInfo)))
        : null;

    /// <summary>What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say about an origin. This machine itself is never behind a proxy.</summary>
    public static Uri? ProxyFor(HttpOrigin origin)
    {
        if (origin.Host is "localhost" || (IPAddress.TryParse(origin.Host, out IPAddress? address) && IPAddress.IsLoopback(address)))
        {
            return null;
        }

        Uri uri = new(origin.ToString());
        return HttpClient.DefaultProxy.IsBypassed(uri) ? null : HttpClient.DefaultProxy.GetProxy(uri);
    }

    /// <exception cref="HttpFault">No connection.</exception>
    public async ValueTask<HttpConnection> ConnectAsync(HttpConnectionPool pool, TimeProvider time, HttpTimeouts timeouts, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(timeouts.Connect, time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        Socket? socket = null;
        SslStream? tls = null;
        try
        {
            socket = await ConnectSocketAsync(time, timeouts.Connect, either.Token);
            if (Origin.Tls)
            {
                tls = await StartTlsAsync(socket, either.Token);
            }

            HttpConnection connection = new(pool, socket, tls, time, timeouts.Stall);
            socket = null;
            tls = null;
            return connection;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException e)
        {
            throw new HttpFault(HttpFaultKind.TimedOut, $"did not accept a connection within {Duration.Format(timeouts.Connect)}", e);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData or SocketError.NoRecovery)
        {
            throw new HttpFault(HttpFaultKind.NoSuchHost, "has a name that cannot be resolved", e);
        }
        catch (SocketException e)
        {
            throw e.SocketErrorCode == SocketError.ConnectionRefused
                ? new HttpFault(HttpFaultKind.Refused, "refused the connection", e)
                : new HttpFault(HttpFaultKind.Broken, $"cannot be connected to ({e.SocketErrorCode})", e);
        }
        catch (AuthenticationException e)
        {
            throw new HttpFault(HttpFaultKind.Tls, $"offers TLS that is not trusted ({(e.InnerException ?? e).Message}); name its authority's file in AWS_CA_BUNDLE", e);
        }
        catch (IOException e)
        {
            throw new HttpFault(HttpFaultKind.Broken, "broke the connection while it was made", e);
        }
        finally
        {
            tls?.Dispose();
            socket?.Dispose();
        }
    }

    private async ValueTask<Socket> ConnectSocketAsync(TimeProvider time, TimeSpan limit, CancellationToken cancellationToken)
    {
        string host = _proxy?.IdnHost ?? Origin.Host;
        int port = _proxy?.Port ?? Origin.Port;
        IPAddress[] addresses = IPAddress.TryParse(host, out IPAddress? literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellationToken);

        // A store's many addresses share the load when every connection starts with another one.
        int first = addresses.Length > 1 ? (int)((uint)Interlocked.Increment(ref _nextAddress) % (uint)addresses.Length) : 0;
        for (int i = 0; ; i++)
        {
            // An address that swallows packets must leave time for the next.
            bool last = i + 1 >= addresses.Length;
            using CancellationTokenSource share = new(last ? Timeout.InfiniteTimeSpan : limit / Math.Min(addresses.Length, 4), time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, share.Token);
            IPAddress address = addresses[(first + i) % addresses.Length];
            Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), either.Token);
                return socket;
            }
            catch (Exception e) when (!last && (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)))
            {
                socket.Dispose();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    private async ValueTask<SslStream> StartTlsAsync(Socket socket, CancellationToken cancellationToken)
    {
        NetworkStream stream = new(socket, ownsSocket: false);
        if (_proxy is not null)
        {
            await OpenTunnelAsync(stream, cancellationToken);
        }

        SslStream tls = new(stream);
        try
        {
            SslClientAuthenticationOptions options = new() { TargetHost = Origin.Host };
            if (_authorities is not null)
            {
                options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
                options.CertificateChainPolicy.CustomTrustStore.AddRange(_authorities);
            }

            await tls.AuthenticateAsClientAsync(options, cancellationToken);
            return tls;
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    /// <summary>CONNECT, whose answer has no body when it succeeds.</summary>
    private async ValueTask OpenTunnelAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        string target = Origin.Host.Contains(':', StringComparison.Ordinal) ? $"[{Origin.Host}]:{Origin.Port}" : $"{Origin.Host}:{Origin.Port}";
        string authorization = ProxyAuthorization is { } value ? $"Proxy-Authorization: {value}\r\n" : "";
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n"), cancellationToken);
        byte[] answer = new byte[4096];
        int length = 0;
        while (true)
        {
            // One byte past the head would already be TLS, so a server that speaks first is read no further than its head.
            int got = await stream.ReadAsync(answer.AsMemory(length, 1), cancellationToken);
            if (got == 0 || (length += got) == answer.Length)
            {
                throw new HttpFault(HttpFaultKind.Proxy, $"cannot be reached through the proxy {_proxy!.IdnHost}:{_proxy.Port}, which closed the connection");
            }

            HttpResponseHead head = HttpResponseHead.Parse(answer.AsSpan(0, length), 0, out int headLength);
            if (headLength > 0)
            {
                if (head.Status is < 200 or > 299)
                {
                    throw new HttpFault(HttpFaultKind.Proxy, $"cannot be reached through the proxy {_proxy!.IdnHost}:{_proxy.Port}, which answered {head.Status}");
                }

                return;
            }
        }
    }
}
