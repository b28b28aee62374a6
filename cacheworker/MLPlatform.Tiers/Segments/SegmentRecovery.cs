namespace MLPlatform.Tiers.Segments;

/// <summary>What opening a store found.</summary>
/// <param name="Segments">Files that are used.</param>
/// <param name="Scanned">Of those, the ones without a table, which were read record by record and sealed.</param>
/// <param name="Added">Records found in segments that were not in the index.</param>
/// <param name="Dropped">Entries of the index whose segment, or whose part of it, is gone.</param>
/// <param name="Corrupt">Records in the scanned segments whose payload did not match its checksums.</param>
/// <param name="Discarded">Files that were no segments of this cache.</param>
/// <param name="Reads">Reads from disk.</param>
internal readonly record struct SegmentRecovery(int Segments, int Scanned, long Added, long Dropped, long Corrupt, int Discarded, long Reads);
