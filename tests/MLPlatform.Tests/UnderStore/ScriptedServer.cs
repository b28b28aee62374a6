using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MLPlatform.Tests.UnderStore;

/// <summary>A server that answers whatever a test wants, byte for byte: what no real server is likely to send on demand.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Func<string, NetworkStream, CancellationToken, Task<bool>> _answer;
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accepting;
    private int _accepted;

    /// <param name="answer">Gets a request's head and writes the answer; false closes the connection.</param>
    public ScriptedServer(Func<string, NetworkStream, CancellationToken, Task<bool>> answer)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Gives each request the next of <paramref name="answers"/>, then the last for ever.</summary>
    public static ScriptedServer Of(params string[] answers)
    {
        int next = -1;
        return new ScriptedServer(async (_, stream, token) =>
        {
            string answer = answers[Math.Min(Interlocked.Increment(ref next), answers.Length - 1)];
            await stream.WriteAsync(Encoding.Latin1.GetBytes(answer), token);
            return !answer.Contains("Connection: close", StringComparison.Ordinal);
        });
    }

    public string Endpoint => $"http://{_listener.LocalEndpoint}";

    public ConcurrentQueue<string> Requests { get; } = new();

    public int Connections => Volatile.Read(ref _accepted);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptSocketAsync(_stopping.Token);
                Interlocked.Increment(ref _accepted);
                _connections.Add(ServeAsync(socket));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return; // Stopped.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await using NetworkStream stream = new(socket, ownsSocket: true);
        try
        {
            StringBuilder head = new();
            byte[] one = new byte[1];
            while (await stream.ReadAsync(one, _stopping.Token) == 1)
            {
                head.Append((char)one[0]);
                if (one[0] != '\n' || !head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
                {
                    continue;
                }

                string request = head.ToString();
                head.Clear();
                Requests.Enqueue(request);
                if (!await _answer(request, stream, _stopping.Token))
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException)
        {
            return; // The client went away, or the test is over.
        }
    }
}
