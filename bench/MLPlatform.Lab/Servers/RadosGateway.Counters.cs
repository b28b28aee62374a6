using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using MLPlatform.Core;

namespace MLPlatform.Lab;

public sealed partial class RadosGateway
{
    /// <summary>False for a gateway that was not started by us: its counters cannot be reached.</summary>
    public bool HasCounters => _directory is not null;

    /// <summary>Asks the gateway's admin socket.</summary>
    /// <exception cref="CacheException"><c>Unsupported</c>: see <see cref="HasCounters"/>.</exception>
    public GatewayCounters ReadCounters()
    {
        if (_directory is null)
        {
            throw new CacheException(CacheError.Unsupported, "The counters of a gateway that runs elsewhere cannot be read.");
        }

        string path = Directory.GetFiles(Path.Combine(_directory, "run"), "client.rgw*.asok").Single();
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000, SendTimeout = 10_000 };
        socket.Connect(new UnixDomainSocketEndPoint(path));
        socket.Send(Encoding.ASCII.GetBytes("{\"prefix\": \"perf dump\"}\0"));
        byte[] length = new byte[4];
        Receive(socket, length);
        byte[] answer = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        Receive(socket, answer);
        using JsonDocument document = JsonDocument.Parse(answer);
        JsonElement gateway = document.RootElement.GetProperty("rgw");
        return new GatewayCounters(gateway.GetProperty("get").GetInt64(), gateway.GetProperty("get_b").GetInt64());
    }

    private static void Receive(Socket socket, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int got = socket.Receive(destination);
            destination = got > 0 ? destination[got..] : throw new IOException("The gateway's admin socket closed early.");
        }
    }
}
