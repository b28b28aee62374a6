namespace MLPlatform.Datasets;

/// <summary>
/// One inode number that was given out: a directory, or one version of a file or link. It stays the same thing for ever; what its path
/// leads to now is the <see cref="NameSlot"/>'s matter. Guarded by <see cref="Lock"/>.
/// </summary>
internal sealed class LiveNode(ulong inode, NameSlot? slot, in ListedEntry listed)
{
    public ulong Inode { get; } = inode;

    /// <summary>Null for the root.</summary>
    public NameSlot? Slot { get; } = slot;

    /// <summary>Attributes as last seen.</summary>
    public ListedEntry Listed = listed;

    /// <summary>Null for all but directories.</summary>
    public LiveDirectory? Directory { get; init; }

    /// <summary>How often the kernel was given this number and has not dropped it.</summary>
    public ulong KernelReferences { get; set; }

    /// <summary>True while the directory remembers names, which keeps their path alive.</summary>
    public bool HasNames { get; set; }

    /// <summary>The number is no longer known; a holder that comes too late treats it as stale.</summary>
    public bool IsForgotten { get; set; }

    /// <summary>Another version of the same name.</summary>
    public LiveNode? Next { get; set; }

    public FileVersion? File { get; set; }

    public Lock Lock => Slot?.Parent.Lock ?? Directory!.Lock;

    public bool IsNeeded => KernelReferences > 0 || HasNames;
}
