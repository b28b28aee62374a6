using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Inspection;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Targets;

/// <summary>What a TARGET is: a source as it was written, or a mounted directory's own source, version and options. Immutable.</summary>
/// <param name="Values">The caller's options, with those of the mount where it is one.</param>
/// <param name="Version">That the mount shows; null for a source.</param>
/// <param name="MountDirectory">Null for a source.</param>
/// <param name="Start">Where in the dataset relative paths begin: below the root when a directory within a mount was named.</param>
internal sealed record Target(string Source, SettingValues Values, string? Version, string? MountDirectory, string Start)
{
    /// <exception cref="CacheException"><c>Unsupported</c>: the mount has no version yet; <c>NotFound</c>: its record is not this user's.</exception>
    public static async Task<Target> ResolveAsync(VerbContext context, CancellationToken cancellationToken)
    {
        string text = context.Operands[0];
        if (MountOf(text) is not { } mount)
        {
            return new Target(text, context.Values, null, null, "");
        }

        string canonical = MountPoints.Canonical(text);
        RunRecord record = RunRegistry.OfThisUser().Find(mount.Directory)
            ?? throw new CacheException(CacheError.NotFound, $"{mount.Directory} was mounted by another user; name its source instead: {mount.Source}");
        Dictionary<string, string> version = (await mount.ReadControlAsync("version", cancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => line.Split(": ", 2)).Where(static parts => parts.Length == 2).ToDictionary(static parts => parts[0], static parts => parts[1]);
        if (version.GetValueOrDefault("mode") != "pinned")
        {
            throw new CacheException(CacheError.Unsupported, $"{mount.Directory} shows no version yet: it is live, or still being listed. Try again when {mount.Directory}/.mlp/version says 'mode: pinned'.");
        }

        return new Target(
            record.Source,
            RecordedOptions.Over(context.Values, record.Options ?? [], mount.Directory),
            version["version"],
            mount.Directory,
            canonical == mount.Directory ? "" : Path.GetRelativePath(mount.Directory, canonical));
    }

    /// <summary>Opens the version: a dataset's from the catalogue, a raw source's from its last listing or by a new one.</summary>
    public async Task<MountedDataset> OpenAsync(MemoryBudget budget, IProgress<ListProgress>? progress, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        Catalogue catalogue = CatalogueSettings.Open(Values, loggers);
        SourceReference source = SourceReference.Parse(Source, catalogue, Environment.CurrentDirectory);
        DatasetOpenOptions options = new() { Store = StoreSettings.From(Values), Budget = budget, Directory = "mlp", Progress = progress, Wait = true };
        MountedDataset opened = await new DatasetOpener(catalogue).OpenAsync(
            source,
            Version is null ? options : source.IsDataset ? options with { Version = Version } : options with { KnownVersion = DatasetVersionId.TryParse(Version, out DatasetVersionId known) ? known : null },
            cancellationToken);
        if (Version is not null && opened.Status.Version != Version)
        {
            await opened.DisposeAsync();
            throw new CacheException(CacheError.VersionChanged, $"{MountDirectory} shows a version of {Source} that is kept no more, and the source has changed since; mount it again.");
        }

        return opened;
    }

    private static MountedDirectory? MountOf(string text)
    {
        if (text.Contains("://", StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            return MountedDirectory.Of(text);
        }
        catch (CacheException e) when (e.Error == CacheError.NotFound)
        {
            return null;
        }
    }
}
