using MLPlatform.Core;

namespace MLPlatform.UnderStore;

/// <summary>One object, file, directory or link as its store lists it.</summary>
public sealed record StoreEntry
{
    /// <summary>Bytes of the path below the store's root as the store has it: components divided by <c>/</c>, no leading slash, UTF-8 on S3, any bytes but NUL on a local disk.</summary>
    public required byte[] Path { get; init; }

    public required StoreEntryKind Kind { get; init; }

    /// <summary>Length in bytes; zero for directories.</summary>
    public long Size { get; init; }

    /// <summary>Nanoseconds since 1970.</summary>
    public long MtimeNanoseconds { get; init; }

    /// <summary>Permission bits (0777 and set-id bits), or null where the store has none.</summary>
    public ushort? Mode { get; init; }

    public uint? Uid { get; init; }

    public uint? Gid { get; init; }

    public ObjectIdentity Identity { get; init; }

    /// <summary>Bytes of a symbolic link's target.</summary>
    public byte[]? LinkTarget { get; init; }
}
