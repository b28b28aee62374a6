namespace MLPlatform.Tiers.Index;

/// <summary>
/// From file key to location, for small files, wholly in memory. Any thread may call it; no call waits for a disk except checkpoints. It keeps
/// what it is told and knows nothing of segments. An entry lost with a crash is found again by the scan of what was written after the checkpoint.
/// </summary>
internal interface IBlockIndex : IDisposable
{
    /// <summary>Entries.</summary>
    long Count { get; }

    /// <summary>Bytes of memory held, for the budget.</summary>
    long MemoryBytes { get; }

    bool TryGet(in FileKey key, out RecordLocation location);

    /// <summary>Adds or replaces.</summary>
    /// <returns>True when there was one before; <paramref name="previous"/> is it.</returns>
    bool Set(in FileKey key, in RecordLocation location, out RecordLocation previous);

    /// <summary>Replaces the entry if it still has the place <paramref name="expectedPlace"/>.</summary>
    bool TryReplace(in FileKey key, ulong expectedPlace, in RecordLocation location);

    /// <summary>Removes the entry if it still has the place <paramref name="expectedPlace"/>.</summary>
    bool TryRemove(in FileKey key, ulong expectedPlace);

    /// <summary>Visits every entry that is there from beginning to end of the visit; one that comes, goes or changes meanwhile may or may not be seen.</summary>
    /// <param name="visit">Must not change the index. False ends the visit.</param>
    void ForEach(Func<FileKey, RecordLocation, bool> visit);

    /// <summary>
    /// Writes all entries to disk such that a kill at any moment leaves either this checkpoint or the one before. Changes go on
    /// meanwhile; those made before the call are in it, later ones may be. One at a time.
    /// </summary>
    /// <param name="coverage">The caller's note of what this checkpoint covers; comes back from the next opening.</param>
    /// <exception cref="MLPlatform.Core.CacheException"><c>DeviceFull</c> or <c>DeviceFailed</c>: the checkpoint before is still good.</exception>
    Task CheckpointAsync(ReadOnlyMemory<byte> coverage, CancellationToken cancellationToken);
}
