using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Framework;

/// <summary>An argument list taken apart.</summary>
/// <param name="Verb">Null for <c>mlp</c> alone or a group alone.</param>
/// <param name="Group">The group's word where only that was given.</param>
/// <param name="Given">What was written behind each option, in order.</param>
internal sealed record ParsedCommand(
    Verb? Verb, string? Group, IReadOnlyDictionary<Setting, IReadOnlyList<string>> Given, IReadOnlyList<string> Operands, bool WantsHelp);
