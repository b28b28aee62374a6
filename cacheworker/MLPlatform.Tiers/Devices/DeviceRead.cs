namespace MLPlatform.Tiers.Devices;

/// <summary>How a read treats the page cache.</summary>
[Flags]
internal enum DeviceRead
{
    /// <summary>Waits, and leaves what it reads in the page cache.</summary>
    Normal = 0,

    /// <summary>RWF_NOWAIT: only what is in memory. Where the file system cannot do that (EOPNOTSUPP), nothing is.</summary>
    NoWait = 1,

    /// <summary>RWF_DONTCACHE: what this read brings in leaves the page cache behind it. Ignored where the kernel or the file system cannot.</summary>
    DontCache = 2,
}
