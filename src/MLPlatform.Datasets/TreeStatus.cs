namespace MLPlatform.Datasets;

/// <summary>What a tree is at a moment. Immutable.</summary>
public sealed record TreeStatus
{
    /// <summary>Dataset name, or the source's URI for a raw source.</summary>
    public required string Dataset { get; init; }

    /// <summary><c>live</c>, <c>listing</c> (live until the listing in the background is complete) or <c>pinned</c>.</summary>
    public required TreeMode Mode { get; init; }

    /// <summary><c>sha256:…</c>, or null while not pinned.</summary>
    public string? Version { get; init; }

    /// <summary>Files, directories and bytes: exact when pinned, else what is known so far.</summary>
    public long Files { get; init; }

    public long Directories { get; init; }

    public long Bytes { get; init; }

    /// <summary>Sizes up to 1 MiB, of all files: what the automatic profile goes by.</summary>
    public long SmallFiles { get; init; }

    /// <summary>Why the listing in the background failed, or null.</summary>
    public string? Problem { get; init; }
}
