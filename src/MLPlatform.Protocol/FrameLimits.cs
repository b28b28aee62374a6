namespace MLPlatform.Protocol;

/// <summary>What one side takes from the other. Each side says its own in the handshake; who exceeds them is cut off.</summary>
public sealed record FrameLimits
{
    /// <summary>Most payload bytes of one frame. 2 MiB holds a piece of 1 MiB with what surrounds it.</summary>
    public int MaxPayloadBytes { get; init; } = 2 << 20;

    /// <summary>Most requests without a response. More than a mount has threads and readers that wait at once.</summary>
    public int MaxRequests { get; init; } = 256;

    /// <summary>Most payload bytes of requests without a response: what a peer may make us hold.</summary>
    public int MaxRequestBytes { get; init; } = 8 << 20;
}
