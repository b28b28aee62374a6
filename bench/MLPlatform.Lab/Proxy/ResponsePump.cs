namespace MLPlatform.Lab;

/// <summary>Moves one response body from the store to the client at the proxy's rate, with the faults of its plan in it.</summary>
internal sealed class ResponsePump
{
    private readonly FaultProxy _proxy;
    private readonly HttpWire _store;
    private readonly HttpWire _client;
    private readonly BodyReader _body;
    private readonly FaultPlan? _plan;
    private readonly long _cutAt;
    private long[]? _flips;
    private long _stallAt;
    private long _position;
    private bool _flipped;

    public ResponsePump(FaultProxy proxy, HttpWire store, HttpWire client, BodyReader body, FaultPlan? plan)
    {
        _proxy = proxy;
        _store = store;
        _client = client;
        _body = body;
        _plan = plan;
        _cutAt = plan?.Cut?.Fault.CutAfterBytes ?? long.MaxValue;
        _stallAt = plan?.Stall?.Fault.StallAfterBytes ?? long.MaxValue;
    }

    /// <param name="headBytes">Head at the front of the store's buffer; it goes out together with the first payload, as a server would send it.</param>
    public PumpOutcome Run(int headBytes)
    {
        if (_stallAt == 0 && !Stall())
        {
            return PumpOutcome.Stopped;
        }

        if (_cutAt == 0 && !_body.IsEmpty)
        {
            SendFront(headBytes, 0);
            return Cut();
        }

        // The body's first bytes usually arrived with the head; parsing them needs the head out of the way, sending does not.
        int payload = !_body.IsEmpty && _plan is null && _proxy.BytesPerSecond == 0 ? _body.FrontPayload(_store.Buffered.Length - headBytes) : 0;
        SendFront(headBytes, payload);
        while (true)
        {
            BodyPiece piece = _body.Next(_store);
            if (piece.IsEnd)
            {
                return PumpOutcome.Complete;
            }

            if (!piece.IsPayload)
            {
                SendFront(piece.Bytes, 0);
                continue;
            }

            if (_plan?.Flip is not null && _flips is null)
            {
                DrawFlips(piece.Bytes + _body.KnownRemaining);
            }

            if (Deliver(piece.Bytes) is { } outcome)
            {
                return outcome;
            }
        }
    }

    /// <returns>Null when all <paramref name="bytes"/> went out.</returns>
    private PumpOutcome? Deliver(int bytes)
    {
        while (bytes > 0)
        {
            if (_position == _stallAt && !Stall())
            {
                return PumpOutcome.Stopped;
            }

            if (_position == _cutAt)
            {
                return Cut();
            }

            int count = Math.Min(bytes, _proxy.Limiter.Quantum);
            count = (int)Math.Min(count, Math.Min(_cutAt, _stallAt) - _position);
            if (!_proxy.Limiter.Take(count, _proxy.Stopping))
            {
                return PumpOutcome.Stopped;
            }

            if (_flips is not null)
            {
                Flip(_store.Buffered[..count]);
            }

            SendFront(0, count);
            bytes -= count;
        }

        return null;
    }

    private void SendFront(int framing, int payload)
    {
        // Counted first: who has the last byte of an answer finds it counted.
        _proxy.Totals.CountResponseBytes(payload);
        _client.Send(_store.Buffered[..(framing + payload)]);
        _store.Consume(framing + payload);
        _position += payload;
    }

    private bool Stall()
    {
        _stallAt = long.MaxValue;
        InjectedFault stall = _plan!.Stall!;
        Hit(stall);
        return stall.Hold(_proxy.Stopping) && !_client.PeerHasClosed;
    }

    private PumpOutcome Cut()
    {
        Hit(_plan!.Cut!);
        return PumpOutcome.Cut;
    }

    /// <param name="length">Payload bytes known to come: the places are drawn among them.</param>
    private void DrawFlips(long length)
    {
        Fault fault = _plan!.Flip!.Fault;
        Random random = new(_plan.FlipSeed);
        HashSet<long> places = [];
        for (int i = 0; i < fault.FlipCount && places.Count < length; i++)
        {
            long place = fault.FlipOffset >= 0 ? fault.FlipOffset + i : random.NextInt64(length);
            while (!places.Add(place))
            {
                place = random.NextInt64(length);
            }
        }

        _flips = [.. places];
    }

    private void Flip(Span<byte> payload)
    {
        bool hit = false;
        foreach (long place in _flips!)
        {
            long at = place - _position;
            if (at >= 0 && at < payload.Length)
            {
                payload[(int)at] ^= 0xFF;
                hit = true;
            }
        }

        if (hit && !_flipped)
        {
            _flipped = true;
            Hit(_plan!.Flip!);
        }
    }

    private void Hit(InjectedFault fault)
    {
        fault.CountHit();
        _proxy.Totals.CountFault();
    }
}
