namespace MLPlatform.Tiers;

/// <summary>How a read of cached bytes went.</summary>
public enum ReadOutcome
{
    /// <summary>All bytes are in the destination, and their checksums are right.</summary>
    Hit,

    /// <summary>At least one byte is not in this tier (any more). The destination's content is unspecified.</summary>
    Miss,

    /// <summary>The bytes are here, but not in memory, and the caller must not wait for the disk.</summary>
    WouldBlock,

    /// <summary>A checksum or header was wrong: the copy has been dropped and counted. To the caller it is a miss.</summary>
    Corrupt,
}
