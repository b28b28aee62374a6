namespace MLPlatform.Cli.Options;

/// <param name="Texts">One for a plain value, several for a list.</param>
/// <param name="Line">Of the key, from 1.</param>
internal sealed record ConfigEntry(IReadOnlyList<string> Texts, int Line);
