namespace MLPlatform.Fuse;

/// <summary>How an opened file or directory is served: <c>FOPEN_*</c> in include/uapi/linux/fuse.h.</summary>
[Flags]
public enum FuseOpenFlags : uint
{
    None = 0,

    /// <summary>Every read reaches the file system; the size limits nothing.</summary>
    DirectIo = 1,

    /// <summary>Pages cached by earlier opens stay.</summary>
    KeepCache = 2,

    /// <summary>The kernel may cache the directory's entries.</summary>
    CacheDirectory = 8,

    /// <summary>No FLUSH on close.</summary>
    NoFlush = 32,

    /// <summary>The kernel reads a backing file by itself; needs a backing id.</summary>
    Passthrough = 128,
}
