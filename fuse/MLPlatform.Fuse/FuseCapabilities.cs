namespace MLPlatform.Fuse;

/// <summary>What the kernel offered and we took.</summary>
public sealed record FuseCapabilities
{
    public uint ProtocolMinor { get; init; }

    /// <summary>The kernel remembers ENOSYS on OPEN and serves opens by itself.</summary>
    public bool NoOpen { get; init; }

    /// <summary>Opened files may be passed through to backing files.</summary>
    public bool Passthrough { get; init; }

    /// <summary>The kernel can send unanswered requests again to a new server.</summary>
    public bool Resend { get; init; }

    /// <summary>Largest READ in bytes.</summary>
    public int MaxReadBytes { get; init; }
}
