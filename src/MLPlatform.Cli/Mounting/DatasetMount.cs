using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Metrics;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.FileSystem;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Mounting;

/// <summary>Puts the layers of one mount together, and takes them apart again in the opposite order.</summary>
internal sealed class DatasetMount : IMountHandle
{
    private readonly MountedDataset _source;
    private readonly BlockPool _pool;
    private readonly MountCache? _cache;
    private readonly FileReader _reader;
    private readonly MountSession _session;
    private readonly MetricsServer? _metrics;

    private DatasetMount(MountedDataset source, BlockPool pool, MountCache? cache, FileReader reader, MountSession session, MetricsServer? metrics)
    {
        _source = source;
        _pool = pool;
        _cache = cache;
        _reader = reader;
        _session = session;
        _metrics = metrics;
    }

    public string SourceName => _source.Status.Dataset;

    public Task Ended => _session.Completion;

    public static async Task<IMountHandle> StartAsync(MountOptions options, MountRequestContext context, CancellationToken cancellationToken)
    {
        MemoryBudget budget = new(options.MemoryBytes);
        MetricsServer? metrics = options.Metrics is { } address ? MetricsServer.Bind(address, TimeProvider.System, context.Loggers.CreateLogger<MetricsServer>()) : null;
        if (metrics is not null)
        {
            MetricsLog.Serving(context.Loggers.CreateLogger<MetricsServer>(), metrics.EndPoint.ToString());
        }

        MountedDataset? source = null;
        BlockPool? pool = null;
        MountCache? cache = null;
        FileReader? reader = null;
        try
        {
            source = await SourceOpener.OpenAsync(options, context, budget, cancellationToken);
            pool = new BlockPool(budget);
            cache = MountCache.Open(options, source, pool, context.Loggers);
            reader = new FileReader(cache?.Dataset ?? (IRangeSource)new UnderStoreSource(), pool, new ReaderOptions { ReadTimeout = options.ReadTimeout }, context.Loggers.CreateLogger<FileReader>(), TimeProvider.System);
            MountSession session = MountSession.Start(new MountRequest
            {
                Directory = options.Directory,
                Source = source.Status.Dataset,
                Tree = source.Tree,
                Reader = reader,
                Local = cache?.Dataset,
                Budget = budget,
                Stores = source.Stores,
                ControlDirectory = context.ControlDirectory,
                Configuration = context.Configuration,
                Profile = options.Profile,
                AllowOther = options.AllowOther,
                NoExec = options.NoExec,
                View = new ViewOptions
                {
                    Uid = options.Uid,
                    Gid = options.Gid,
                    FileMode = options.FileMode,
                    DirectoryMode = options.DirectoryMode,
                    DefaultUid = NativeMethods.EffectiveUserId,
                    DefaultGid = NativeMethods.EffectiveGroupId,
                    ReadTimeout = options.ReadTimeout,
                    Passthrough = options.Passthrough,
                },
                Fuse = new FuseSessionOptions { CloneDevice = options.CloneDescriptors },
                LoggerFactory = context.Loggers,
            });
            if (metrics is not null)
            {
                metrics.Start(() => session.Metrics, () => !session.Completion.IsCompleted);
            }

            return new DatasetMount(source, pool, cache, reader, session, metrics);
        }
        catch
        {
            reader?.Dispose();
            await (cache?.DisposeAsync() ?? ValueTask.CompletedTask);
            pool?.Dispose();
            if (source is not null)
            {
                await source.DisposeAsync();
            }

            if (metrics is not null)
            {
                await metrics.DisposeAsync();
            }

            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_metrics is not null)
        {
            await _metrics.DisposeAsync();
        }

        await _session.DisposeAsync();
        _reader.Dispose();
        await (_cache?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _source.DisposeAsync();
        _pool.Dispose();
    }
}
