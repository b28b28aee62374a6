using System.Net.Sockets;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>One client connection of a <see cref="FaultProxy"/> and its own connection to the store. Runs on its own thread.</summary>
internal sealed partial class ProxyConnection(FaultProxy proxy, Socket client) : IDisposable
{
    private const int RequestBufferBytes = 64 << 10;

    // Large enough that system calls do not count, small enough to stay in the second-level cache. Moving bodies by splice(2)
    // saved the proxy two copies and cost the reader as much, since it then receives from scattered pages.
    private const int ResponseBufferBytes = 256 << 10;

    private readonly HttpWire _client = new(client, RequestBufferBytes);
    private volatile HttpWire? _store;
    private volatile bool _aborted;

    public void Start() => new Thread(Run, 256 << 10) { IsBackground = true, Name = "fault-proxy" }.Start();

    public void Refuse() => _client.Reset();

    /// <summary>Resets the connection as soon as its thread is out of what it does; from any thread.</summary>
    public void Abort()
    {
        _aborted = true;
        _client.Abort();
        _store?.Abort();
    }

    public void Dispose()
    {
        _client.Dispose();
        _store?.Dispose();
    }

    private void Run()
    {
        bool orderly = false;
        try
        {
            orderly = Wait(proxy.ConnectLatency) && ServeRequests();
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            // One of the peers went away; the other one learns it by the reset below.
            orderly = false;
        }
        finally
        {
            End(orderly && !_aborted);
        }
    }

    private void End(bool orderly)
    {
        if (!orderly)
        {
            proxy.Totals.CountBroken();
            _client.Reset();
        }

        Dispose();
        proxy.Remove(this);
    }

    /// <returns>True when the connection ends with a FIN, false when with a reset.</returns>
    private bool ServeRequests()
    {
        while (true)
        {
            int headBytes = _client.ReadHead();
            if (headBytes == 0)
            {
                return true;
            }

            HttpHead head = new(_client.Buffered[..headBytes]);
            bool closes = head.Closes;
            (ProxiedRequest request, FaultPlan? plan) = proxy.Admit(head);
            if (plan?.BlackHole is { } hole)
            {
                Hit(hole);
                if (!hole.Hold(proxy.Stopping) || _client.PeerHasClosed)
                {
                    return false;
                }
            }

            NextStep step = plan?.Answer is { } answer ? Answer(answer, request, headBytes, plan) : Forward(headBytes, plan);
            if (step != NextStep.ServeNext || closes)
            {
                return step != NextStep.Reset;
            }
        }
    }

    /// <summary>Swallows the request and answers it with an error of our own.</summary>
    private NextStep Answer(InjectedFault injected, ProxiedRequest request, int headBytes, FaultPlan plan)
    {
        HttpHead head = new(_client.Buffered[..headBytes]);
        BodyReader body = BodyReader.OfRequest(head);

        // A client that waits for "100 Continue" takes the final answer instead and sends no body.
        bool withoutBody = head.ExpectsContinue;
        _client.Consume(headBytes);
        while (!withoutBody && body.Next(_client) is { IsEnd: false } piece)
        {
            _client.Consume(piece.Bytes);
        }

        if (!Wait(proxy.Latency + plan.Delay))
        {
            return NextStep.Reset;
        }

        Hit(injected);
        Fault fault = injected.Fault;
        string xml = $"""<?xml version="1.0" encoding="UTF-8"?><Error><Code>{fault.AnswerCode}</Code><Message>{fault.AnswerMessage}</Message><RequestId>proxy-{request.Ordinal}</RequestId></Error>""";
        string answer = $"HTTP/1.1 {fault.AnswerStatus} {fault.AnswerCode}\r\nContent-Type: application/xml\r\nContent-Length: {xml.Length}\r\n{(withoutBody ? "Connection: close\r\n" : "")}\r\n";
        _client.Send(Encoding.ASCII.GetBytes(request.Method == "HEAD" ? answer : answer + xml));
        return withoutBody ? NextStep.Close : NextStep.ServeNext;
    }

    private void Hit(InjectedFault fault)
    {
        fault.CountHit();
        proxy.Totals.CountFault();
    }

    private bool Wait(TimeSpan time) => time <= TimeSpan.Zero || !proxy.Stopping.WaitHandle.WaitOne(time);
}
