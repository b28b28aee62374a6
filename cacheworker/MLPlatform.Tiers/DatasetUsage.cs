namespace MLPlatform.Tiers;

/// <summary>What one dataset has in the disk tier. The numbers change under everybody's feet; each is read and written whole.</summary>
internal sealed class DatasetUsage(uint tag, string name)
{
    private long _bytes;
    private long _pendingBytes;
    private long _quotaBytes = long.MaxValue;

    /// <summary>First 32 bits of a hash of the name: what stands in records.</summary>
    public uint Tag { get; } = tag;

    /// <summary>Empty where only the tag is known: records of a dataset whose name was lost.</summary>
    public string Name { get; set; } = name;

    /// <summary>Payload bytes.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Mounts and preloads that use it now.</summary>
    public int Users { get; set; }

    /// <summary>When it was last in use, in seconds since 1970.</summary>
    public long LastUse { get; set; }

    /// <summary>Most payload bytes; <see cref="long.MaxValue"/>: no limit of its own.</summary>
    public long QuotaBytes
    {
        get => Interlocked.Read(ref _quotaBytes);
        set => Interlocked.Exchange(ref _quotaBytes, value);
    }

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>Sets bytes of the quota aside for what is about to be written.</summary>
    public bool TryReserve(long bytes)
    {
        long pending = Interlocked.Add(ref _pendingBytes, bytes);
        if (QuotaBytes == long.MaxValue || Bytes + pending <= QuotaBytes)
        {
            return true;
        }

        EndReservation(bytes);
        return false;
    }

    /// <summary>They are written and counted, or will not be.</summary>
    public void EndReservation(long bytes) => Interlocked.Add(ref _pendingBytes, -bytes);
}
