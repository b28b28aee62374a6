namespace MLPlatform.Tiers.Eviction;

/// <summary>
/// Decides what comes into a full tier and what leaves it. It moves no bytes and knows no disks: the tier tells it what happens and asks it. A simulator
/// drives the same objects (bench verb <c>policies</c>).
/// </summary>
/// <remarks>
/// Who calls what:
/// <list type="bullet">
/// <item><see cref="OnHit"/>: threads that serve reads, FUSE session threads among them, for every read of a cached entry. It must take well under a microsecond,
/// allocate nothing, and wait for nothing but another thread in the same few instructions.</item>
/// <item><see cref="Admits"/>: the thread that fetches, before it writes anything to the tier. When it says yes and the entry does not fit, the
/// tier's maintenance asks for victims until it does.</item>
/// <item><see cref="OnAdmitted"/>: after the entry is committed, on the same thread; at start once for each entry that was found, oldest first.</item>
/// <item><see cref="TryPickVictim"/>: the tier's maintenance, one thread at a time.</item>
/// <item><see cref="OnRemoved"/>, <see cref="SetPinned"/>: any thread.</item>
/// </list>
/// Calls about one entry may race: a hit or a removal of an entry that the policy does not know (any more) does nothing.
/// A policy that looks ahead implements a second interface through which plans tell it of coming accesses in their order; its
/// <see cref="Admits"/> then compares the entry's next use with that of the entry it would give up, and refuses when that comes sooner.
/// A policy with memory of what left (ghosts) learns of it from its own picks, and meets it again in <see cref="OnAdmitted"/>.
/// </remarks>
internal interface IEvictionPolicy
{
    /// <summary>As <c>--eviction</c> names it.</summary>
    string Name { get; }

    /// <summary>Bytes of memory held, for the budget. Cheap.</summary>
    long MemoryBytes { get; }

    /// <summary>Whether an entry that was just missed is worth keeping.</summary>
    /// <param name="bytes">Of the entry.</param>
    /// <param name="freeBytes">What the tier may still fill without removing anything; may be negative when a limit was lowered.</param>
    bool Admits(in CacheEntryId entry, long bytes, long freeBytes);

    /// <summary>The entry is in the tier. One that is known already counts as used now.</summary>
    void OnAdmitted(in CacheEntryId entry, long bytes, bool isPinned);

    /// <summary>The entry was read.</summary>
    void OnHit(in CacheEntryId entry);

    /// <summary>The entry has left the tier for whatever reason.</summary>
    void OnRemoved(in CacheEntryId entry);

    /// <summary>A pinned entry is never a victim; one that is not pinned any more counts as used now.</summary>
    void SetPinned(in CacheEntryId entry, bool isPinned);

    /// <summary>
    /// Names the entry that should leave next, and forgets it. A caller that cannot remove it, because it is in use or was
    /// pinned meanwhile, tells so by <see cref="OnAdmitted"/>.
    /// </summary>
    /// <returns>False when nothing may leave.</returns>
    bool TryPickVictim(out CacheEntryId victim);
}
