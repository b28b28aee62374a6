using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>One kept-alive connection to an S3 server, with blocking calls; one thread uses it. Connects when first needed.</summary>
internal sealed class S3Connection : IDisposable
{
    private const int BodyPieceBytes = 256 << 10;

    private readonly IPEndPoint _server;
    private readonly int _bufferBytes;
    private readonly TimeSpan _timeout;
    private HttpWire? _wire;

    /// <param name="timeout">For each single send or receive.</param>
    public S3Connection(Uri endpoint, S3Signer? signer, TimeSpan timeout, int bufferBytes = 256 << 10)
    {
        _server = FaultProxyOptions.For(endpoint).Target;
        Host = endpoint.Authority;
        Signer = signer;
        _timeout = timeout;
        _bufferBytes = bufferBytes;
    }

    public string Host { get; }

    public S3Signer? Signer { get; }

    /// <summary>The connection, made now where there is none.</summary>
    public HttpWire Wire => _wire ??= Connect();

    /// <summary>Sends one request and reads its whole answer. A kept connection that has died meanwhile is replaced once.</summary>
    /// <param name="path">Escaped.</param>
    /// <param name="query">Escaped, without the question mark.</param>
    /// <param name="headers">Sent and signed; names in lower case.</param>
    /// <param name="body">Seekable, sent from its start and signed as unsigned payload; null sends none.</param>
    public S3Response Send(string method, string path, string query, IReadOnlyList<(string Name, string Value)> headers, Stream? body)
    {
        bool fresh = _wire is null;
        try
        {
            return SendOnce(method, path, query, headers, body);
        }
        catch (Exception e) when (!fresh && e is SocketException or IOException)
        {
            Disconnect();
            return SendOnce(method, path, query, headers, body);
        }
    }

    public void Disconnect()
    {
        _wire?.Dispose();
        _wire = null;
    }

    public void Dispose() => Disconnect();

    /// <summary>Everything of a request but its body.</summary>
    /// <param name="payloadHash">Unless <paramref name="headers"/> has an <c>x-amz-content-sha256</c> of its own.</param>
    /// <param name="contentLength">-1 leaves the field out.</param>
    public string Head(string method, string path, string query, IReadOnlyList<(string Name, string Value)> headers, string payloadHash, long contentLength)
    {
        StringBuilder head = new(512);
        head.Append(method).Append(' ').Append(path);
        if (query.Length > 0)
        {
            head.Append('?').Append(query);
        }

        head.Append(" HTTP/1.1\r\nHost: ").Append(Host).Append("\r\n");
        foreach ((string name, string value) in headers)
        {
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        if (contentLength >= 0)
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {contentLength}\r\n");
        }

        if (Signer is not null)
        {
            string timestamp = S3Signer.Timestamp(DateTimeOffset.UtcNow);
            List<(string Name, string Value)> signed = [("host", Host), ("x-amz-date", timestamp), .. headers];
            int given = signed.FindIndex(h => h.Name == "x-amz-content-sha256");
            if (given < 0)
            {
                signed.Add(("x-amz-content-sha256", payloadHash));
                head.Append("x-amz-content-sha256: ").Append(payloadHash).Append("\r\n");
            }
            else
            {
                payloadHash = signed[given].Value;
            }

            string authorization = Signer.Sign(method, path, query, signed, payloadHash, timestamp);
            head.Append("x-amz-date: ").Append(timestamp).Append("\r\nAuthorization: ").Append(authorization).Append("\r\n");
        }

        return head.Append("\r\n").ToString();
    }

    private S3Response SendOnce(string method, string path, string query, IReadOnlyList<(string Name, string Value)> headers, Stream? body)
    {
        long length = body?.Length ?? (method is "PUT" or "POST" ? 0 : -1);
        HttpWire wire = Wire;
        wire.Send(Encoding.UTF8.GetBytes(Head(method, path, query, headers, body is null ? S3Signer.EmptyPayload : S3Signer.UnsignedPayload, length)));
        if (body is not null)
        {
            body.Position = 0;
            byte[] piece = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(length, 1, BodyPieceBytes));
            for (int read; (read = body.Read(piece)) > 0;)
            {
                wire.Send(piece.AsSpan(0, read));
            }

            ArrayPool<byte>.Shared.Return(piece);
        }

        int headBytes = ReadFinalHead(wire);
        HttpHead head = new(wire.Buffered[..headBytes]);
        int status = head.Status;
        bool closes = head.Closes;
        BodyReader reader = BodyReader.OfResponse(head, method == "HEAD");
        Dictionary<string, string> fields = FieldsOf(head);
        wire.Consume(headBytes);
        using MemoryStream received = new();
        while (reader.Next(wire) is { IsEnd: false } piece)
        {
            if (piece.IsPayload)
            {
                received.Write(wire.Buffered[..piece.Bytes]);
            }

            wire.Consume(piece.Bytes);
        }

        if (closes || reader.EndsWithConnection)
        {
            Disconnect();
        }

        return new S3Response(status, fields, received.ToArray());
    }

    private static int ReadFinalHead(HttpWire wire)
    {
        while (true)
        {
            int headBytes = wire.ReadHead();
            if (headBytes == 0)
            {
                throw new IOException("The server closed the connection without an answer.");
            }

            if (new HttpHead(wire.Buffered[..headBytes]).Status >= 200)
            {
                return headBytes;
            }

            wire.Consume(headBytes);
        }
    }

    private static Dictionary<string, string> FieldsOf(HttpHead head)
    {
        Dictionary<string, string> fields = new(StringComparer.OrdinalIgnoreCase);
        foreach (string line in Encoding.UTF8.GetString(head.Bytes).Split("\r\n").Skip(1))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                fields.TryAdd(line[..colon], line[(colon + 1)..].Trim());
            }
        }

        return fields;
    }

    private HttpWire Connect()
    {
        Socket socket = new(_server.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
        {
            SendTimeout = (int)_timeout.TotalMilliseconds,
            ReceiveTimeout = (int)_timeout.TotalMilliseconds,
        };
        try
        {
            socket.Connect(_server);
            return new HttpWire(socket, _bufferBytes);
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }
}
