namespace MLPlatform.Tiers.Eviction;

/// <summary>
/// Admits until the tier is full and then keeps what it has. For jobs that read whole shuffled epochs no policy does better: the hit ratio is the cached share. It
/// needs to know nothing, so it remembers nothing.
/// </summary>
internal sealed class UniformPolicy : IEvictionPolicy
{
    public string Name => "uniform";

    public long MemoryBytes => 0;

    public bool Admits(in CacheEntryId entry, long bytes, long freeBytes) => bytes <= freeBytes;

    public void OnAdmitted(in CacheEntryId entry, long bytes, bool isPinned)
    {
    }

    public void OnHit(in CacheEntryId entry)
    {
    }

    public void OnRemoved(in CacheEntryId entry)
    {
    }

    public void SetPinned(in CacheEntryId entry, bool isPinned)
    {
    }

    public bool TryPickVictim(out CacheEntryId victim)
    {
        victim = default;
        return false;
    }
}
