using Microsoft.Extensions.Logging;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Options;

/// <summary>Where datasets and their versions are kept on this machine.</summary>
internal static class CatalogueSettings
{
    public static readonly Setting<string> StateDir = new(
        "state-dir", "DIR", "Where dataset definitions and manifests are kept.", StateDirectory.Default(), static t => Path.GetFullPath(t[0]))
    {
        Group = "Dataset options",
        Completion = CompletionKind.Directory,
        DefaultText = "$XDG_DATA_HOME/mlp (root: /var/lib/mlp)",
    };

    public static IReadOnlyList<Setting> All { get; } = [StateDir];

    /// <summary>Opens the catalogue of this machine; nothing is read or written yet.</summary>
    public static Catalogue Open(SettingValues values, ILoggerFactory loggers) => new(values.Get(StateDir), TimeProvider.System, loggers);
}
