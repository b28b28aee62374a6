using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>
/// An S3 origin that costs as little CPU as Kestrel allows, for measurements in which a real store's CPU would drown ours.
/// Path-style on 127.0.0.1: GET with a range and conditions, HEAD, LIST, small PUT and DELETE. Kestrel runs bare, without
/// host, routing or logging. What it answers is held to radosgw's answers by a test that asks both.
/// </summary>
public sealed class LightOrigin : IAsyncDisposable
{
    private readonly KestrelServer _server;
    private readonly OriginApplication _application;

    private LightOrigin(KestrelServer server, OriginApplication application)
    {
        _server = server;
        _application = application;
        Endpoint = new Uri(server.Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Address = new IPEndPoint(IPAddress.Loopback, Endpoint.Port);
    }

    public Uri Endpoint { get; }

    public IPEndPoint Address { get; }

    public IOriginSource Source => _application.Source;

    public OriginCounters Counters => _application.ReadCounters();

    /// <exception cref="CacheException"><c>Busy</c>: the port is taken.</exception>
    public static async Task<LightOrigin> StartAsync(IOriginSource source, LightOriginOptions? options = null)
    {
        options ??= new LightOriginOptions();
        KestrelServerOptions kestrel = new() { AddServerHeader = false, AllowSynchronousIO = false };

        // A test may stall a reader or a writer for as long as it likes.
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MaxRequestBodySize = options.MaxPutBytes;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(10);

        // Keys of 1,024 bytes, each escaped to three, twice in a listing's query.
        kestrel.Limits.MaxRequestLineSize = 16 << 10;

        // One flush is one send(2) of up to this much, so the pipe must hold two of them.
        kestrel.Limits.MaxResponseBufferSize = 4 * OriginApplication.FlushBytes;
        kestrel.Listen(IPAddress.Loopback, options.Port);
        SocketTransportOptions transport = new()
        {
            // Requests never block for long, and a hop to the thread pool costs as much as a small GET.
            UnsafePreferInlineScheduling = true,
            MaxWriteBufferSize = 4 * OriginApplication.FlushBytes,
        };
        KestrelServer server = new(Options.Create(kestrel), new SocketTransportFactory(Options.Create(transport), NullLoggerFactory.Instance), NullLoggerFactory.Instance);
        OriginApplication application = new(source, options);
        try
        {
            await server.StartAsync(application, CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            server.Dispose();
            throw new CacheException(CacheError.Busy, $"Port {options.Port} on 127.0.0.1 cannot be taken: {e.Message}", e);
        }

        return new LightOrigin(server, application);
    }

    public async ValueTask DisposeAsync()
    {
        // Connections kept alive by a client would otherwise hold the stop for its whole grace.
        using CancellationTokenSource now = new();
        await now.CancelAsync();
        await _server.StopAsync(now.Token);
        _server.Dispose();
    }
}
