namespace MLPlatform.Cli.Options;

/// <summary>A setting's value and how it came to have it.</summary>
/// <param name="Texts">As the user wrote it; empty for a default.</param>
/// <param name="Where">For people: <c>default</c>, <c>/etc/mlp.yaml:3</c>, <c>MLP_MEMORY</c>, <c>command line</c>.</param>
internal sealed record SettingValue(Setting Setting, object? Value, IReadOnlyList<string> Texts, SettingOrigin Origin, string Where);
