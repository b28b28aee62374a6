namespace MLPlatform.Datasets;

/// <summary>What lies below a directory, at any depth.</summary>
public readonly record struct DirectoryTotals(long Files, long Directories, long Bytes);
