namespace MLPlatform.Lab;

/// <summary>What went through a <see cref="FaultProxy"/> up to one moment. Subtract two for what happened between.</summary>
/// <param name="Connections">Accepted from clients.</param>
/// <param name="Gets">GETs of objects.</param>
/// <param name="Lists">Listing pages.</param>
/// <param name="Puts">PUT and POST.</param>
/// <param name="Others">Everything else.</param>
/// <param name="ResponseBytes">Payload bytes handed to the sockets of clients, counted before a client can have them: no heads, no chunk framing, no answers of the proxy's own.</param>
/// <param name="RequestBytes">Payload bytes sent to the store.</param>
/// <param name="Faults">Requests that a fault took effect on.</param>
/// <param name="Broken">Connections that ended otherwise than by an orderly close between two requests.</param>
public readonly record struct ProxyCounters(
    long Connections, long Gets, long Lists, long Heads, long Puts, long Others, long ResponseBytes, long RequestBytes, long Faults, long Broken)
{
    public long Requests => Gets + Lists + Heads + Puts + Others;

    public static ProxyCounters operator -(ProxyCounters left, ProxyCounters right) => new(
        left.Connections - right.Connections,
        left.Gets - right.Gets,
        left.Lists - right.Lists,
        left.Heads - right.Heads,
        left.Puts - right.Puts,
        left.Others - right.Others,
        left.ResponseBytes - right.ResponseBytes,
        left.RequestBytes - right.RequestBytes,
        left.Faults - right.Faults,
        left.Broken - right.Broken);
}
