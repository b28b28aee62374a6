using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Framework;

/// <summary>What stands on the command line without dashes in front.</summary>
/// <param name="Name">In capitals, as help prints it: <c>SOURCE</c>.</param>
internal sealed record Operand(string Name, string Description, CompletionKind Completion = CompletionKind.None)
{
    public bool IsOptional { get; init; }

    /// <summary>True when it may come again and again; only the last operand of a verb may.</summary>
    public bool IsRepeatable { get; init; }

    /// <summary>The only values allowed, or empty.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    public string Usage => (IsOptional, IsRepeatable) switch
    {
        (false, false) => Name,
        (false, true) => Name + "…",
        (true, false) => $"[{Name}]",
        (true, true) => $"[{Name}…]",
    };
}
