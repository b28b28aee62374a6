using System.Text.Json.Serialization;

namespace MLPlatform.Cli.Mounting;

/// <summary>What a running mount tells other calls of <c>mlp</c>: stands beside its control directory as <c>ID.json</c>.</summary>
internal sealed record RunRecord
{
    public required string Id { get; init; }

    public required int Pid { get; init; }

    /// <summary>Field 22 of /proc/PID/stat: with it a pid that was given to another process is told apart.</summary>
    public required long PidStartTicks { get; init; }

    /// <summary>As in /proc/PID/ns/pid: a pid of another container says nothing here.</summary>
    public required string PidNamespace { get; init; }

    /// <summary>Where it is mounted, absolute, links resolved.</summary>
    public required string Directory { get; init; }

    public required string Source { get; init; }

    /// <summary>Where its control files are mounted.</summary>
    public required string Control { get; init; }

    /// <summary>Null when it logs to stderr.</summary>
    public string? Log { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Options that decide which bytes the mount sees and where it keeps them, as they would be written on a command line: for verbs that work on its
    /// source and cache. References to credentials, never a secret. Null in records of an older program.</summary>
    public Dictionary<string, string[]>? Options { get; init; }
}

[JsonSerializable(typeof(RunRecord))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
internal sealed partial class RunRecordJson : JsonSerializerContext;
