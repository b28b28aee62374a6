namespace MLPlatform.Lab;

/// <summary>
/// Something that goes wrong with chosen requests. Made by the factories and narrowed by <c>with</c>:
/// <c>proxy.Inject(Fault.SlowDown with { Count = 3 })</c>.
/// </summary>
public sealed record Fault
{
    private Fault()
    {
    }

    /// <summary>A 503 whose S3 error code is <c>SlowDown</c>.</summary>
    public static Fault SlowDown { get; } = Answer(503, "SlowDown", "Please reduce your request rate.");

    /// <summary>A 503 whose S3 error code is <c>ServiceUnavailable</c>.</summary>
    public static Fault ServiceUnavailable { get; } = Answer(503, "ServiceUnavailable", "Please try again.");

    /// <summary>The request is read, never forwarded and never answered, until the fault is released; then it goes on.</summary>
    public static Fault BlackHole { get; } = new() { IsBlackHole = true };

    /// <summary>Matching requests let through before the first one is hit.</summary>
    public int Skip { get; init; }

    /// <summary>Requests to hit, then no more.</summary>
    public int Count { get; init; } = int.MaxValue;

    /// <summary>Chance that a request beyond <see cref="Skip"/> is hit, drawn from the proxy's seed.</summary>
    public double Probability { get; init; } = 1;

    /// <summary>Which requests it concerns; null is all. Runs on the proxy's threads and under its lock.</summary>
    public Func<ProxiedRequest, bool>? Where { get; init; }

    internal bool IsBlackHole { get; private init; }

    internal int AnswerStatus { get; private init; }

    internal string AnswerCode { get; private init; } = "";

    internal string AnswerMessage { get; private init; } = "";

    internal long CutAfterBytes { get; private init; } = -1;

    internal CutStyle CutStyle { get; private init; }

    internal long StallAfterBytes { get; private init; } = -1;

    internal int FlipCount { get; private init; }

    internal long FlipOffset { get; private init; } = -1;

    internal TimeSpan DelayBy { get; private init; }

    /// <summary>The proxy answers by itself with an S3 error body; the request never reaches the store and the connection is kept.</summary>
    public static Fault Answer(int status, string code, string message) =>
        new() { AnswerStatus = status, AnswerCode = code, AnswerMessage = message };

    /// <summary>The connection ends after <paramref name="afterBytes"/> bytes of the response's body; 0 ends it right after the head.</summary>
    public static Fault Cut(long afterBytes, CutStyle style = CutStyle.Reset) =>
        new() { CutAfterBytes = afterBytes, CutStyle = style };

    /// <summary>After <paramref name="afterBytes"/> bytes of body (0: before the head) nothing more comes until the fault is released.</summary>
    public static Fault Stall(long afterBytes = 0) => new() { StallAfterBytes = afterBytes };

    /// <summary>Inverts all bits of one byte at each of <paramref name="count"/> places of a 2xx body.</summary>
    /// <param name="count">Places; they run on from <paramref name="offset"/>, or lie anywhere.</param>
    /// <param name="offset">Of the first place from the body's start; null draws each from the proxy's seed.</param>
    public static Fault Flip(int count = 1, long? offset = null) => new() { FlipCount = count, FlipOffset = offset ?? -1 };

    /// <summary>Adds to <see cref="FaultProxy.Latency"/> for chosen requests.</summary>
    public static Fault Delay(TimeSpan by) => new() { DelayBy = by };
}
