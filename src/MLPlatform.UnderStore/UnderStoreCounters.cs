namespace MLPlatform.UnderStore;

/// <summary>Monotonic counts of what a store was asked and gave. Any thread may add.</summary>
public sealed class UnderStoreCounters
{
    private long _gets, _heads, _lists, _bytes, _errors, _retries;

    public long Gets => Interlocked.Read(ref _gets);

    public long Heads => Interlocked.Read(ref _heads);

    public long Lists => Interlocked.Read(ref _lists);

    /// <summary>Payload bytes received by ranged reads, those of failed attempts included.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Attempts that failed, whether or not a later one succeeded.</summary>
    public long Errors => Interlocked.Read(ref _errors);

    /// <summary>Attempts made again after a failure.</summary>
    public long Retries => Interlocked.Read(ref _retries);

    public void AddGet() => Interlocked.Increment(ref _gets);

    public void AddHead() => Interlocked.Increment(ref _heads);

    public void AddList() => Interlocked.Increment(ref _lists);

    public void AddBytes(long count) => Interlocked.Add(ref _bytes, count);

    public void AddError() => Interlocked.Increment(ref _errors);

    public void AddRetry() => Interlocked.Increment(ref _retries);
}
