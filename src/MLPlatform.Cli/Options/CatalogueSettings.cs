namespace MLPlatform.Cli.Options;

/// <summary>Where datasets and their versions are kept on this machine.</summary>
internal static class CatalogueSettings
{
    public static readonly Setting<string> StateDir = new(
        "state-dir", "DIR", "Where dataset definitions and manifests are kept.", MachinePaths.StateDirectory, static t => Path.GetFullPath(t[0]))
    {
        Group = "Dataset options",
        Completion = CompletionKind.Directory,
        DefaultText = "$XDG_STATE_HOME/mlp/datasets (root: /var/lib/mlp)",
    };

    public static IReadOnlyList<Setting> All { get; } = [StateDir];
}
