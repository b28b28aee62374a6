namespace MLPlatform.Client;

/// <summary>What this machine's copies can do for a read.</summary>
public enum LocalOutcome
{
    /// <summary>Nobody has looked for this inode yet.</summary>
    Unknown,

    /// <summary>The lease holds the bytes.</summary>
    Served,

    /// <summary>The bytes are here, but reading them waits for a disk.</summary>
    Later,

    /// <summary>At least one byte is not here.</summary>
    Absent,
}
