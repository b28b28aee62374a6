namespace MLPlatform.Lab;

/// <summary>How a <see cref="RawClient"/> asks.</summary>
public sealed record RawClientOptions
{
    public required Uri Endpoint { get; init; }

    public required string Bucket { get; init; }

    /// <summary>Connections at a time, each with a thread.</summary>
    public int Connections { get; init; } = 8;

    /// <summary>Signs every request, payload unsigned; null asks anonymously.</summary>
    public S3Signer? Signer { get; init; }

    /// <summary>Bytes per range of a large object; 8 MiB is what the product asks for too.</summary>
    public int PartBytes { get; init; } = 8 << 20;

    /// <summary>Receive buffer per connection: what fits the second-level cache is read over and over.</summary>
    public int BufferBytes { get; init; } = 256 << 10;

    /// <summary>For each single send or receive.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);
}
