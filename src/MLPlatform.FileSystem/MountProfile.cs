namespace MLPlatform.FileSystem;

/// <summary>How a mount talks to the kernel (docs/SEMANTICS.md, "Two profiles").</summary>
public enum MountProfile
{
    /// <summary>By the dataset's size distribution.</summary>
    Auto,

    /// <summary>Opens never leave the kernel and pages stay for good: for many small files.</summary>
    Files,

    /// <summary>Opens are served, so that complete local files are read by passthrough: for few large files.</summary>
    Shards,
}
