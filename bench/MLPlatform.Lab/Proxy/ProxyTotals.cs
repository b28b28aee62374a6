namespace MLPlatform.Lab;

/// <summary>The running sums behind <see cref="ProxyCounters"/>; any thread adds.</summary>
internal sealed class ProxyTotals
{
    private readonly long[] _requests = new long[Enum.GetValues<RequestKind>().Length];
    private long _connections;
    private long _responseBytes;
    private long _requestBytes;
    private long _faults;
    private long _broken;

    public void CountConnection() => Interlocked.Increment(ref _connections);

    public void CountRequest(RequestKind kind) => Interlocked.Increment(ref _requests[(int)kind]);

    public void CountResponseBytes(long bytes) => Interlocked.Add(ref _responseBytes, bytes);

    public void CountRequestBytes(long bytes) => Interlocked.Add(ref _requestBytes, bytes);

    public void CountFault() => Interlocked.Increment(ref _faults);

    public void CountBroken() => Interlocked.Increment(ref _broken);

    public ProxyCounters Read() => new(
        Interlocked.Read(ref _connections),
        Interlocked.Read(ref _requests[(int)RequestKind.GetObject]),
        Interlocked.Read(ref _requests[(int)RequestKind.List]),
        Interlocked.Read(ref _requests[(int)RequestKind.Head]),
        Interlocked.Read(ref _requests[(int)RequestKind.Put]),
        Interlocked.Read(ref _requests[(int)RequestKind.Other]),
        Interlocked.Read(ref _responseBytes),
        Interlocked.Read(ref _requestBytes),
        Interlocked.Read(ref _faults),
        Interlocked.Read(ref _broken));
}
