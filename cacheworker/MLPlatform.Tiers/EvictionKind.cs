namespace MLPlatform.Tiers;

/// <summary>Who leaves when the disk tier is full.</summary>
public enum EvictionKind
{
    /// <summary>Admit until full, then keep: the best possible for shuffled epochs of one job (hit ratio = cached share). Datasets that nobody mounts leave first.</summary>
    Uniform,

    /// <summary>Least recently used.</summary>
    Lru,
}
