namespace MLPlatform.Tiers.Eviction;

/// <summary>What an eviction policy decides about: a small file, or one block of a large one.</summary>
/// <param name="Key">The file version.</param>
/// <param name="Block">Number of the block in it; 0 for a small file.</param>
internal readonly record struct CacheEntryId(FileKey Key, int Block);
