using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>A number that a live tree has given out, or a name that it said leads nowhere.</summary>
/// <param name="Inode">0 for a name that leads nowhere.</param>
/// <param name="Directory">Number of the directory it was found in.</param>
/// <param name="IsCurrent">The name led to it when last asked; else it is an earlier version.</param>
internal readonly record struct LiveNumber(ulong Inode, ulong Directory, byte[] Path, byte[] Name, StoreEntryKind Kind, bool IsCurrent);
