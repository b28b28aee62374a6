namespace MLPlatform.Datasets;

/// <summary>Why a name of a store is not in the tree. The values are part of the manifest format.</summary>
public enum SkipReason : byte
{
    None = 0,

    /// <summary><c>//</c>, a leading slash, or more than one at the end.</summary>
    EmptyComponent = 1,

    /// <summary>A component <c>.</c></summary>
    DotComponent = 2,

    /// <summary>A component <c>..</c></summary>
    DotDotComponent = 3,

    /// <summary>A NUL byte.</summary>
    NulByte = 4,

    /// <summary>A component of more than 255 bytes.</summary>
    ComponentTooLong = 5,

    /// <summary>The whole path has more than 32,000 bytes.</summary>
    PathTooLong = 6,

    /// <summary>A directory bears the same name.</summary>
    ShadowedByDirectory = 7,

    /// <summary>Another store of the dataset is mounted at or above this path.</summary>
    HiddenByMount = 8,

    /// <summary>A file list named it and the store does not have it.</summary>
    NotFound = 9,

    /// <summary>A symbolic link without a target, or with one that no kernel takes.</summary>
    UnusableLink = 10,

    /// <summary>A tar shard holds it as a link, a device, a pipe or something unknown.</summary>
    NoFileInShard = 11,

    /// <summary>A tar shard holds it with holes, so its bytes do not lie there as they are.</summary>
    SparseInShard = 12,
}
