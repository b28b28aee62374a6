namespace MLPlatform.Datasets;

/// <summary>What becomes of an entry of a tar.</summary>
internal enum TarMemberKind : byte
{
    File,
    Directory,

    /// <summary>A link, a device, a pipe or a type that nobody knows: left out and counted.</summary>
    NoFile,

    /// <summary>A file with holes: its bytes do not lie in the tar as they are. Left out and counted.</summary>
    Sparse,
}
