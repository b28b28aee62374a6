using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace MLPlatform.Cli.Metrics;

/// <summary>Where to listen: an address of this machine, or all of them, and a port.</summary>
/// <param name="Address">Null: every address, IPv6 and IPv4.</param>
/// <param name="Port">0: one that is free.</param>
internal sealed record ListenAddress(IPAddress? Address, int Port)
{
    /// <summary>Reads <c>127.0.0.1:9090</c>, <c>[::1]:9090</c>, <c>localhost:9090</c>, or <c>:9090</c> for every address. Names are not looked up: what is meant by one may change.</summary>
    /// <exception cref="FormatException">The message is the second half of a sentence.</exception>
    public static ListenAddress Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon];
        if (colon < 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            throw Bad();
        }

        if (host is "" or "*")
        {
            return new ListenAddress(null, port);
        }

        if (host == "localhost")
        {
            return new ListenAddress(IPAddress.Loopback, port);
        }

        bool isBracketed = host is ['[', .., ']'];
        return IPAddress.TryParse(isBracketed ? host[1..^1] : host, out IPAddress? address) && isBracketed == (address.AddressFamily == AddressFamily.InterNetworkV6)
            ? new ListenAddress(address, port)
            : throw Bad();
    }

    public override string ToString() => Format(Address is null ? "" : Address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{Address}]" : $"{Address}", Port);

    private static string Format(string host, int port) => string.Create(CultureInfo.InvariantCulture, $"{host}:{port}");

    private static FormatException Bad() => new("is no address to listen at; write 127.0.0.1:9090, [::1]:9090, or :9090 for every address");
}
