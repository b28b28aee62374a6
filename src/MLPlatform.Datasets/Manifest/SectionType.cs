namespace MLPlatform.Datasets;

/// <summary>What a section of a manifest holds. The values are part of the format; a row is one name in the tree, see <c>docs/FORMAT.md</c>.</summary>
internal enum SectionType : uint
{
    None = 0,

    /// <summary>Dataset name and mounts.</summary>
    Info = 1,

    /// <summary>Distinct combinations of kind, identity kind, owner, mode and mount.</summary>
    Classes = 2,

    /// <summary>Per row: index into <see cref="Classes"/>.</summary>
    RowClass = 3,

    /// <summary>Per row: bytes; for a directory its number.</summary>
    RowSize = 4,

    /// <summary>Per row: nanoseconds since 1970.</summary>
    RowMtime = 5,

    /// <summary>Per row: 16 bytes of identity, or a place in <see cref="Texts"/>.</summary>
    RowIdentity = 6,

    /// <summary>Per row: number of parts when the ETag is 32 digits, a hyphen and that number; else zero.</summary>
    RowETagParts = 7,

    /// <summary>Per row: inode number; left out when it is the row plus one.</summary>
    RowInode = 8,

    /// <summary>Rows in the order of their inode numbers; left out together with <see cref="RowInode"/>.</summary>
    InodeOrder = 9,

    /// <summary>Per group of 16 rows: where its names begin in <see cref="Names"/>; one more for the end.</summary>
    NameGroups = 10,

    /// <summary>Front-coded names.</summary>
    Names = 11,

    /// <summary>Other ETags and targets of symbolic links.</summary>
    Texts = 12,

    /// <summary>Per directory: its row.</summary>
    DirectoryRow = 13,

    /// <summary>Per directory: row of its first child; one more for the end.</summary>
    DirectoryFirstChild = 14,

    /// <summary>Per directory: directories directly in it.</summary>
    DirectorySubdirectories = 15,

    /// <summary>Per directory: files at any depth below it.</summary>
    DirectoryFiles = 16,

    /// <summary>Per directory: bytes of those files.</summary>
    DirectoryBytes = 17,

    /// <summary>Per directory: directories at any depth below it.</summary>
    DirectoryDirectories = 18,

    /// <summary>Names that were left out, and why.</summary>
    Skipped = 19,

    /// <summary>Per row: where a member's bytes begin in its shard; left out together with <see cref="DirectoryObjectSize"/> when no shard is indexed.</summary>
    RowOffset = 20,

    /// <summary>Per directory: bytes of the shard that it stands for; else zero.</summary>
    DirectoryObjectSize = 21,
}
