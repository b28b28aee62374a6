namespace MLPlatform.Datasets;

/// <summary>What a question to a tree that may not wait came to.</summary>
public enum TreeOutcome
{
    Found,

    /// <summary>Known not to exist.</summary>
    Missing,

    /// <summary>The parent is no directory.</summary>
    NotDirectory,

    /// <summary>The inode number is of no file this tree ever named.</summary>
    Stale,

    /// <summary>Only the store knows: ask again by the method that waits.</summary>
    MustWait,
}
