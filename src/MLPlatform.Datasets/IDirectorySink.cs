namespace MLPlatform.Datasets;

/// <summary>Takes directory entries one by one, usually into a reply that has an end.</summary>
public interface IDirectorySink
{
    /// <param name="name">One component; gone when the call returns, so a sink copies it.</param>
    /// <param name="entry">Its attributes.</param>
    /// <param name="nextCookie">Where a later call goes on behind this entry.</param>
    /// <returns>False when this entry did not fit; the walk stops and the entry comes again next time.</returns>
    bool TryAdd(scoped ReadOnlySpan<byte> name, scoped in TreeEntry entry, ulong nextCookie);
}
