using Microsoft.Extensions.Logging;
using MLPlatform.CacheWorker;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Listing;
using MLPlatform.Cli.Logs;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;
using MLPlatform.Cli.Targets;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Cache;

/// <summary>A verb that works on what is cached of a target: finds the version, the selected files and the cache, and closes them again.</summary>
internal abstract class CacheVerb : Verb
{
    public override IReadOnlyList<Operand> Operands { get; } = [SelectionSettings.Target, SelectionSettings.Paths];

    public override IReadOnlyList<Setting> Settings { get; } = [.. SelectionSettings.All, MountSettings.Memory, .. CacheSettings.All, .. StoreSettings.All, .. CatalogueSettings.All, .. LogSettings.All];

    public override async Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        context.ResumeCommand = () => "mlp " + string.Join(' ', context.Arguments.Select(MountPointCheck.Quote));
        using ILoggerFactory loggers = LogFactory.CreateForVerb(context.Values);
        Target target = await Target.ResolveAsync(context, cancellationToken);
        MemoryBudget budget = new(context.Get(MountSettings.Memory));
        using BlockPool pool = new(budget);
        await using MountedDataset source = await ListingDisplay.RunAsync(context.Terminal, progress => target.OpenAsync(budget, context.Terminal.IsErrorTerminal ? progress : null, loggers, cancellationToken));
        ManifestTree tree = (ManifestTree)source.Tree;
        RowSelection selection = await SelectionSettings.SelectAsync(context, target, tree.Manifest, cancellationToken);
        if (MountCache.IsLocal(source))
        {
            context.Terminal.Note($"{target.Source} lies on a local disk, of which nothing is cached: there is nothing to do.");
            return ExitCodes.Done;
        }

        if (CacheSettings.From(target.Values) is not { } options)
        {
            throw new CacheException(CacheError.Configuration, target.MountDirectory is null ? "--no-cache leaves nothing to do." : $"{target.MountDirectory} was mounted with --no-cache: nothing is cached of it.");
        }

        await using MountCache cache = MountCache.Open(options, target.Values.Get(CacheSettings.Quota), source.Status.Dataset, pool, loggers);
        await cache.Dataset.Opened.WaitAsync(cancellationToken);
        return cache.Dataset.CanKeep
            ? await RunAsync(new CacheWork(context, target, tree, selection, cache.Dataset), cancellationToken)
            : throw new CacheException(CacheError.DeviceFailed, $"No cache directory can be used: {string.Join(", ", options.Devices.Select(static d => d.Directory))}.");
    }

    /// <returns>The exit code.</returns>
    protected abstract Task<int> RunAsync(CacheWork work, CancellationToken cancellationToken);

    /// <summary>What a verb of the cache is given.</summary>
    /// <param name="Tree">The version, with its stores.</param>
    protected sealed record CacheWork(VerbContext Context, Target Target, ManifestTree Tree, RowSelection Selection, CachedDataset Cache);
}
