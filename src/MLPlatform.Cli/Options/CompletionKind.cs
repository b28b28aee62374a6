namespace MLPlatform.Cli.Options;

/// <summary>Where the words come from that a shell offers for a value.</summary>
internal enum CompletionKind
{
    None,
    File,
    Directory,
    Dataset,

    /// <summary>A dataset's name, a directory or a URI.</summary>
    Source,

    /// <summary>A directory where something of ours is mounted.</summary>
    MountPoint,
}
