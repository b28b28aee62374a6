using Microsoft.Extensions.Logging;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>What connections of one kind share.</summary>
public sealed record FrameConnectionOptions
{
    /// <summary>What is spoken over the frames, eight ASCII characters; both sides must say the same.</summary>
    public required string Service { get; init; }

    public required BlockPool Pool { get; init; }

    public required ILogger Logger { get; init; }

    public FrameLimits Limits { get; init; } = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>For the handshake. A process that does not answer a greeting in so long will not answer readers in time either.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(2);
}
