namespace MLPlatform.Lab;

/// <summary>What a radosgw has served up to one moment, by its own counters. Subtract two for what happened between.</summary>
/// <param name="Gets">GETs of objects.</param>
/// <param name="Bytes">Object bytes that they asked for.</param>
public readonly record struct GatewayCounters(long Gets, long Bytes)
{
    public static GatewayCounters operator -(GatewayCounters left, GatewayCounters right) => new(left.Gets - right.Gets, left.Bytes - right.Bytes);
}
