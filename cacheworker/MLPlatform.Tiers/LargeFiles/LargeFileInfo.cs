namespace MLPlatform.Tiers.LargeFiles;

/// <summary>What is known of one large file without looking into it.</summary>
internal readonly record struct LargeFileInfo
{
    public FileKey Key { get; init; }

    /// <summary>Bytes of the whole file.</summary>
    public long Size { get; init; }

    /// <summary>Tag of the dataset that brought it in.</summary>
    public uint Dataset { get; init; }

    /// <summary>When its first bytes came in, in seconds since 1970.</summary>
    public uint Created { get; init; }

    public bool IsPinned { get; init; }

    /// <summary>Bytes of it that are here; not in the header on disk.</summary>
    public long PresentBytes { get; init; }
}
