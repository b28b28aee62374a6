namespace MLPlatform.Bench.Candidates;

/// <summary>What a candidate may use.</summary>
/// <param name="CacheBytes">On disk; null is the candidate's own idea.</param>
/// <param name="Eviction">Ours only: uniform or lru.</param>
/// <param name="MemoryBytes">Ours only: the hard budget; null is its default.</param>
/// <param name="NoPassthrough">Ours only: every read is served and verified by the server.</param>
internal sealed record MountLimits(long? CacheBytes = null, string Eviction = "uniform", long? MemoryBytes = null, bool NoPassthrough = false);
