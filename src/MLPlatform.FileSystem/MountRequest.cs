using Microsoft.Extensions.Logging;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Fuse;
using MLPlatform.UnderStore;

namespace MLPlatform.FileSystem;

/// <summary>Everything a mount is made of. The mount uses tree, reader and stores; their maker disposes them after it.</summary>
public sealed record MountRequest
{
    /// <summary>An existing, empty directory, absolute.</summary>
    public required string Directory { get; init; }

    /// <summary>What df(1) shows as the device.</summary>
    public required string Source { get; init; }

    public required IDatasetTree Tree { get; init; }

    public required FileReader Reader { get; init; }

    /// <summary>Copies on this machine; null: none.</summary>
    public ILocalFiles? Local { get; init; }

    public required MemoryBudget Budget { get; init; }

    public required IReadOnlyList<IUnderStore> Stores { get; init; }

    /// <summary>Where the control files are mounted: made, and removed at the end. Null: none.</summary>
    public string? ControlDirectory { get; init; }

    /// <summary>What <c>.mlp/config</c> shows.</summary>
    public string Configuration { get; init; } = "";

    public MountProfile Profile { get; init; }

    public ViewOptions View { get; init; } = new();

    public bool AllowOther { get; init; }

    /// <summary>Nobody may run programs from the mount.</summary>
    public bool NoExec { get; init; }

    /// <summary>Threads, sizes and clones; passthrough and readdirplus are set by the profile.</summary>
    public FuseSessionOptions Fuse { get; init; } = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public required ILoggerFactory LoggerFactory { get; init; }
}
