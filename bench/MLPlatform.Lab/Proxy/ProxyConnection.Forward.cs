using System.Net.Sockets;

namespace MLPlatform.Lab;

internal sealed partial class ProxyConnection
{
    /// <summary>Sends the buffered request to the store and its response to the client.</summary>
    private NextStep Forward(int headBytes, FaultPlan? plan)
    {
        HttpHead request = new(_client.Buffered[..headBytes]);
        BodyReader body = BodyReader.OfRequest(request);
        bool isHead = request.StartLine.StartsWith("HEAD "u8);
        bool bodyWasSkipped = false;
        int responseBytes;
        if (body.IsEmpty)
        {
            responseBytes = Exchange(headBytes);
            _client.Consume(headBytes);
        }
        else
        {
            bool expects = request.ExpectsContinue;
            HttpWire store = _store ?? Connect();
            store.Send(request.Bytes);
            _client.Consume(headBytes);
            bodyWasSkipped = (expects && StoreAnswersFirst(store)) || !TrySendBody(body, store);
            responseBytes = ReadFinalHead(store);
        }

        if (responseBytes == 0)
        {
            return NextStep.Reset; // The store closed without an answer.
        }

        if (!Wait(proxy.Latency + (plan?.Delay ?? TimeSpan.Zero)))
        {
            return NextStep.Reset;
        }

        NextStep step = Respond(responseBytes, isHead, plan);

        // What is left of an unread body would be taken for the next request.
        return step == NextStep.ServeNext && bodyWasSkipped ? NextStep.Close : step;
    }

    /// <summary>Sends a request without a body, once more on a fresh connection where the kept one turns out to be dead.</summary>
    /// <returns>Length of the response's head in the store's buffer; 0 when there is none.</returns>
    private int Exchange(int headBytes)
    {
        if (_store is { } kept)
        {
            try
            {
                kept.Send(_client.Buffered[..headBytes]);
                if (ReadFinalHead(kept) is int bytes and > 0)
                {
                    return bytes;
                }
            }
            catch (SocketException) when (!_aborted)
            {
                // The store ended an idle connection while the request was on its way: not a fault a client should see.
                Disconnect();
            }

            Disconnect();
        }

        HttpWire store = Connect();
        store.Send(_client.Buffered[..headBytes]);
        return ReadFinalHead(store);
    }

    private NextStep Respond(int headBytes, bool isHead, FaultPlan? plan)
    {
        HttpWire store = _store!;
        HttpHead head = new(store.Buffered[..headBytes]);
        BodyReader body = BodyReader.OfResponse(head, isHead);
        bool ends = head.Closes || body.EndsWithConnection;
        if (plan?.Flip is not null && head.Status is < 200 or > 299)
        {
            plan.Flip = null;
        }

        PumpOutcome outcome = new ResponsePump(proxy, store, _client, body, plan).Run(headBytes);
        return outcome switch
        {
            PumpOutcome.Cut => plan!.Cut!.Fault.CutStyle == CutStyle.Close ? NextStep.Close : NextStep.Reset,
            PumpOutcome.Stopped => NextStep.Reset,
            _ => ends ? NextStep.Close : NextStep.ServeNext,
        };
    }

    /// <summary>Waits, after a head with <c>Expect: 100-continue</c>, for either side to speak.</summary>
    /// <returns>True when the store refuses the body with a final answer, which stays in its buffer.</returns>
    private bool StoreAnswersFirst(HttpWire store)
    {
        while (_client.Buffered.IsEmpty)
        {
            List<Socket> ready = [_client.Socket, store.Socket];
            Socket.Select(ready, null, null, TimeSpan.FromSeconds(60));
            if (!ready.Contains(store.Socket))
            {
                return ready.Count == 0 ? throw new IOException("Neither side spoke after Expect: 100-continue.") : false;
            }

            int headBytes = store.ReadHead();
            if (headBytes == 0 || new HttpHead(store.Buffered[..headBytes]).Status >= 200)
            {
                return true;
            }

            _client.Send(store.Buffered[..headBytes]);
            store.Consume(headBytes);
        }

        return false;
    }

    /// <returns>False when the store stopped taking the body: its answer may be on the way.</returns>
    private bool TrySendBody(BodyReader body, HttpWire store)
    {
        while (body.Next(_client) is { IsEnd: false } piece)
        {
            try
            {
                store.Send(_client.Buffered[..piece.Bytes]);
            }
            catch (SocketException)
            {
                return false;
            }

            _client.Consume(piece.Bytes);
            proxy.Totals.CountRequestBytes(piece.IsPayload ? piece.Bytes : 0);
        }

        return true;
    }

    /// <summary>Reads response heads, passing interim ones on, up to the final one.</summary>
    private int ReadFinalHead(HttpWire store)
    {
        while (true)
        {
            int headBytes = store.ReadHead();
            if (headBytes == 0 || new HttpHead(store.Buffered[..headBytes]).Status >= 200)
            {
                return headBytes;
            }

            _client.Send(store.Buffered[..headBytes]);
            store.Consume(headBytes);
        }
    }

    private HttpWire Connect()
    {
        Socket socket = new(proxy.Target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(proxy.Target);
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }

        HttpWire store = new(socket, ResponseBufferBytes);
        _store = store;
        if (_aborted)
        {
            store.Abort(); // Abort() may have looked before the connection was there.
        }

        return store;
    }

    private void Disconnect()
    {
        HttpWire? store = _store;
        _store = null;
        store?.Dispose();
    }
}
