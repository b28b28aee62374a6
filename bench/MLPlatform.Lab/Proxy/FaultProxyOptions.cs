using System.Net;

namespace MLPlatform.Lab;

/// <summary>What a <see cref="FaultProxy"/> is started with; faults, latency and rate are set on the running proxy.</summary>
public sealed record FaultProxyOptions
{
    /// <summary>Where requests go.</summary>
    public required IPEndPoint Target { get; init; }

    /// <summary>Port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>For every random choice of the proxy.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Connections at a time, one thread each; one more is closed at once. A client under test that opens this many has a leak.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>Requests kept for <see cref="FaultProxy.Requests"/>, the newest; 0 keeps none.</summary>
    public int RecordedRequests { get; init; }

    /// <summary>Takes host and port out of an <c>http</c> address.</summary>
    public static FaultProxyOptions For(Uri target)
    {
        if (!IPAddress.TryParse(target.Host, out IPAddress? address))
        {
            address = target.Host == "localhost" ? IPAddress.Loopback : Dns.GetHostAddresses(target.Host)[0];
        }

        return new FaultProxyOptions { Target = new IPEndPoint(address, target.Port) };
    }
}
