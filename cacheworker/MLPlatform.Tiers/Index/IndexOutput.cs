namespace MLPlatform.Tiers.Index;

/// <summary>What an operation of FASTER hands out of a record.</summary>
internal struct IndexOutput
{
    /// <summary>The location that was read, or that the operation replaced.</summary>
    public RecordLocation Location;

    /// <summary>There was a record.</summary>
    public bool Found;
}
