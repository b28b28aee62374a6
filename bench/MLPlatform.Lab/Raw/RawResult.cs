namespace MLPlatform.Lab;

/// <summary>What one run of a <see cref="RawClient"/> moved and cost.</summary>
/// <param name="Objects">Objects read whole, or keys listed.</param>
/// <param name="Bytes">Payload.</param>
/// <param name="WallSeconds">From before the first connection to the last byte.</param>
/// <param name="CpuSeconds">User and system time of the client's threads; the server's are not in it, even in the same process.</param>
public readonly record struct RawResult(long Objects, long Requests, long Bytes, double WallSeconds, double CpuSeconds)
{
    public double ObjectsPerSecond => Objects / WallSeconds;

    public double MiBPerSecond => Bytes / WallSeconds / (1 << 20);

    public double CpuMillisecondsPerObject => Objects == 0 ? 0 : CpuSeconds * 1000 / Objects;

    public double CpuSecondsPerGiB => Bytes == 0 ? 0 : CpuSeconds / Bytes * (1 << 30);
}
