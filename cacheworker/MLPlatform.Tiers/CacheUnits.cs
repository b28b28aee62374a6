namespace MLPlatform.Tiers;

/// <summary>The sizes on which reader, fill path and disk formats agree.</summary>
public static class CacheUnits
{
    /// <summary>Unit of verification: each has a CRC-32C of its own. A file's last unit may be shorter.</summary>
    public const int UnitBytes = 64 << 10;

    /// <summary>Files up to this size lie whole in segments; larger ones in a sparse file each.</summary>
    public const int SmallFileBytes = 1 << 20;

    /// <summary>Most units of a small file.</summary>
    public const int SmallFileUnits = SmallFileBytes / UnitBytes;

    public static long UnitsOf(long bytes) => (bytes + UnitBytes - 1) / UnitBytes;
}
