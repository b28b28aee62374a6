namespace MLPlatform.FileSystem;

/// <summary>What readers of a mount see and how long they wait.</summary>
public sealed record ViewOptions
{
    /// <summary>Owner of everything; null: the store's own, where it has one, else <see cref="DefaultUid"/>.</summary>
    public uint? Uid { get; init; }

    public uint? Gid { get; init; }

    /// <summary>Permission bits of files; null: the store's own, else 0644.</summary>
    public ushort? FileMode { get; init; }

    /// <summary>Permission bits of directories; null: the store's own, else 0755.</summary>
    public ushort? DirectoryMode { get; init; }

    /// <summary>The mounting user.</summary>
    public uint DefaultUid { get; init; }

    public uint DefaultGid { get; init; }

    /// <summary>A read's or look-up's deadline. 60 s outlives a fail-over of any store we know and is shorter than most training watchdogs.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Let the kernel read local files by itself in the shards profile.</summary>
    public bool Passthrough { get; init; } = true;
}
