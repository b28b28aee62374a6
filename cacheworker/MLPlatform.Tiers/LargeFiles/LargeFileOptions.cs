namespace MLPlatform.Tiers.LargeFiles;

/// <summary>Limits of a <see cref="LargeFileStore"/>.</summary>
internal sealed record LargeFileOptions
{
    /// <summary>Most files whose descriptors and maps are kept; two descriptors each. Half of the usual limit of 1024 would leave too few for sockets.</summary>
    public int MaxOpenFiles { get; init; } = 256;
}
