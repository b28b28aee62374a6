namespace MLPlatform.Fuse;

/// <summary>Where and how a connection is mounted.</summary>
public sealed record FuseMountOptions
{
    /// <summary>An existing directory, absolute.</summary>
    public required string Directory { get; init; }

    /// <summary>What mount(8) and df(1) show as the device.</summary>
    public required string Source { get; init; }

    /// <summary>The part behind <c>fuse.</c> in the file system's type.</summary>
    public string Subtype { get; init; } = "mlp";

    public bool ReadOnly { get; init; } = true;

    /// <summary>Nobody may run programs from it.</summary>
    public bool NoExec { get; init; }

    /// <summary>Users other than the mounting one may enter. Rootless it needs <c>user_allow_other</c> in /etc/fuse.conf.</summary>
    public bool AllowOther { get; init; }

    /// <summary>The kernel checks modes and owners by itself.</summary>
    public bool DefaultPermissions { get; init; } = true;

    /// <summary>Longest wait for fusermount3.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);
}
