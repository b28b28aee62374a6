namespace MLPlatform.Datasets;

public enum ListPhase
{
    /// <summary>Stores are asked for their names.</summary>
    Listing,

    /// <summary>What they said is put in order and written.</summary>
    Writing,
}

/// <summary>How far a manifest has come. Counts are of what stores said, before names are left out or found twice.</summary>
/// <param name="Directories">Only those that a store has as things of their own.</param>
/// <param name="FilesPerSecond">Since this process began or went on.</param>
/// <param name="UnitsOpen">Pieces of the listing that are known and not finished.</param>
public sealed record ListProgress(ListPhase Phase, long Files, long Directories, long Bytes, long Skipped, double FilesPerSecond, long UnitsOpen);
