namespace MLPlatform.Fuse;

/// <summary>How one connection is spoken. Checked when the session starts.</summary>
public sealed record FuseSessionOptions
{
    /// <summary>Threads that read requests. They never wait for anything but the kernel, so more than cores gains nothing; two let one answer while the other reads.</summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);

    /// <summary>Largest WRITE in bytes. 4096, the least, on read-only connections keeps the request buffers small.</summary>
    public int MaxWriteBytes { get; init; } = 4096;

    /// <summary>Largest READ in pages of 4 KiB; 256 is the kernel's default ceiling (fs.fuse.max_pages_limit).</summary>
    public int MaxPages { get; init; } = 256;

    /// <summary>READs of readahead that may be outstanding. The kernel's default of 12 starves readahead against a remote store.</summary>
    public int MaxBackground { get; init; } = 128;

    /// <summary>Kernel readahead per open file in bytes, set through sysfs after the mount (INIT can only lower 128 KiB). Needs root; left alone without.</summary>
    public int ReadaheadBytes { get; init; } = 1 << 20;

    /// <summary>Directory reads always carry attributes, so that a walk leaves nothing to look up.</summary>
    public bool ReadDirPlus { get; init; } = true;

    /// <summary>Ask for passthrough of opened files to backing files (Linux 6.9, CAP_SYS_ADMIN).</summary>
    public bool Passthrough { get; init; }

    /// <summary>1; or 2 when backing files lie on an overlay, which then forbids an overlay above the mount.</summary>
    public int MaxStackDepth { get; init; } = 1;

    /// <summary>Each thread reads from a clone of the device, and replies go through the same clone.</summary>
    public bool CloneDevice { get; init; }

    /// <summary>Longest wait for the kernel's first request after a mount.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
