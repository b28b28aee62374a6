using Microsoft.Extensions.Logging;
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
    private readonly FileReader _reader;
    private readonly MountSession _session;

    private DatasetMount(MountedDataset source, BlockPool pool, FileReader reader, MountSession session)
    {
        _source = source;
        _pool = pool;
        _reader = reader;
        _session = session;
    }

    public string SourceName => _source.Status.Dataset;

    public Task Ended => _session.Completion;

    public static async Task<IMountHandle> StartAsync(MountOptions options, MountRequestContext context, CancellationToken cancellationToken)
    {
        MemoryBudget budget = new(options.MemoryBytes);
        MountedDataset source = await SourceOpener.OpenAsync(options, context, budget, cancellationToken);
        BlockPool? pool = null;
        FileReader? reader = null;
        try
        {
            pool = new BlockPool(budget);
            reader = new FileReader(new UnderStoreSource(), pool, new ReaderOptions { ReadTimeout = options.ReadTimeout }, context.Loggers.CreateLogger<FileReader>(), TimeProvider.System);
            MountSession session = MountSession.Start(new MountRequest
            {
                Directory = options.Directory,
                Source = source.Status.Dataset,
                Tree = source.Tree,
                Reader = reader,
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
            return new DatasetMount(source, pool, reader, session);
        }
        catch
        {
            reader?.Dispose();
            pool?.Dispose();
            await source.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        _reader.Dispose();
        await _source.DisposeAsync();
        _pool.Dispose();
    }
}
