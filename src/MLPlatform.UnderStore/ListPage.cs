namespace MLPlatform.UnderStore;

/// <summary>One step through a <see cref="ListUnit"/>. After its entries are safe, the unit is replaced by <paramref name="Rest"/> and <paramref name="Split"/>.</summary>
/// <param name="Entries">What was found, at most a few thousand. Directories appear only where the store has them as things of their own.</param>
/// <param name="Rest">What the same enumeration still covers; null on the last page.</param>
/// <param name="Split">Units that this enumeration gives up, to be worked on by others.</param>
public sealed record ListPage(IReadOnlyList<StoreEntry> Entries, ListUnit? Rest, IReadOnlyList<ListUnit> Split);
