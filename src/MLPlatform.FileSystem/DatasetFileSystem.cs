using System.Text;
using Microsoft.Extensions.Logging;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>
/// A dataset as the kernel sees it: inode numbers to names, attributes and bytes. The session's threads call it and it never makes them
/// wait: what the tree or the reader has at hand is answered on the spot, the rest is completed later from the thread pool.
/// It knows neither the kernel's structs nor where bytes come from.
/// </summary>
public sealed partial class DatasetFileSystem : FuseFileSystem
{
    /// <summary>FUSE_ROOT_ID.</summary>
    public const ulong RootInode = 1;

    // Above every number a dataset gives out, which count up from 1.
    private const ulong ControlLinkInode = 1UL << 62;

    // A live tree's answer can expire between loading and asking; twice in a row only when the TTL is absurdly short.
    private const int LoadAttempts = 4;

    private static readonly byte[] s_controlName = ".mlp"u8.ToArray();

    private readonly IDatasetTree _tree;
    private readonly IFileReader _reader;
    private readonly ILocalFiles? _local;
    private readonly ViewOptions _options;
    private readonly AttributeView _view;
    private readonly KernelObjects _kernelObjects = KernelObjects.ForThisMachine();
    private readonly FailureLog _failures;
    private readonly ILogger _logger;
    private readonly byte[]? _controlTarget;
    private readonly OpenFiles? _openFiles;
    private readonly bool _directoriesStandStill;

    /// <param name="profile">Already decided: not <see cref="MountProfile.Auto"/>.</param>
    /// <param name="local">Copies on this machine, asked before the reader; null: none.</param>
    /// <param name="controlDirectory">What <c>.mlp</c> in the root links to; null: no control files.</param>
    public DatasetFileSystem(IDatasetTree tree, IFileReader reader, ILocalFiles? local, MountProfile profile, ViewOptions options, string? controlDirectory, TimeProvider time, ILogger logger)
    {
        Invariant.That(profile != MountProfile.Auto);
        _tree = tree;
        _reader = reader;
        _local = local;
        _options = options;
        _view = new AttributeView(options);
        _failures = new FailureLog(logger, time);
        _logger = logger;
        _controlTarget = controlDirectory is null ? null : Encoding.UTF8.GetBytes(controlDirectory);
        _openFiles = profile == MountProfile.Shards ? new OpenFiles() : null;

        // Where versions follow one another, each change tells which directories to ask for again.
        _directoriesStandStill = tree.Status.Mode == TreeMode.Pinned;
    }

    /// <summary>What happens to requests is told here when somebody listens.</summary>
    public AccessLog AccessLog { get; } = new();

    /// <summary>References to inodes that the kernel holds.</summary>
    public long KernelReferences => _kernelObjects.References;

    /// <summary>Operations answered with an error other than "no such file".</summary>
    public long Failures => _failures.Failures;

    /// <summary>Opens that the kernel reads without us.</summary>
    public long PassthroughOpens => _openFiles?.PassthroughOpens ?? 0;

    /// <summary>Files open now, in the shards profile.</summary>
    public int OpenFileCount => _openFiles?.Count ?? 0;

    /// <summary>The session that serves this file system; set before it starts.</summary>
    public FuseSession? Session { get; set; }

    public override void Forget(ulong inode, ulong count)
    {
        _kernelObjects.Drop(count);
        _tree.DropReferences(inode, count);
    }

    public override void StatFs(in FuseRequest request)
    {
        const uint BlockBytes = 4096;
        TreeStatus status = _tree.Status;
        request.ReplyStatFs(new FuseStatFs
        {
            BlockSize = BlockBytes,
            Blocks = (ulong)((status.Bytes + BlockBytes - 1) / BlockBytes),
            Files = (ulong)(status.Files + status.Directories),
        });
    }

    /// <summary>Runs the waiting half of an operation: interruptible, with the deadline, and with an answer whatever happens.</summary>
    private async Task CompleteLater(FuseRequest request, Func<CancellationToken, ValueTask> work, ulong inode)
    {
        using FuseWait wait = request.BeginWait();
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(wait.Token);
        deadline.CancelAfter(_options.ReadTimeout);
        try
        {
            await work(deadline.Token);
        }
        catch (OperationCanceledException e) when (!wait.Token.IsCancellationRequested)
        {
            Fail(request, inode, new CacheException(CacheError.DeadlineExceeded, $"No answer within {Duration.Format(_options.ReadTimeout)}: {e.InnerException?.Message ?? "the store is silent"}", e));
        }
        catch (Exception e) // The kernel waits for ever on a request without a reply.
        {
            Fail(request, inode, e);
        }
    }

    private void Fail(in FuseRequest request, ulong inode, Exception exception)
    {
        Errno errno = ErrnoMap.From(exception);
        _failures.Report(request.OperationName, DisplayPath(inode), errno, exception);
        AccessLog.Write(request, errno);
        request.ReplyError(errno);
    }

    private string DisplayPath(ulong inode) => _tree.GetPath(inode) is { } path ? "/" + Encoding.UTF8.GetString(path) : $"inode {inode}";
}
