namespace MLPlatform.Bench.Stores;

/// <summary>What a store has served up to one moment, as the store counts it.</summary>
internal readonly record struct OriginTotals(long Gets, long Bytes)
{
    public static OriginTotals operator -(OriginTotals left, OriginTotals right) => new(left.Gets - right.Gets, left.Bytes - right.Bytes);
}
