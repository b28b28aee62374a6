using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Fuse;
using MLPlatform.UnderStore;

namespace MLPlatform.FileSystem;

/// <summary>
/// What <c>.mlp</c> shows: <c>stats</c>, <c>version</c>, <c>config</c>, <c>accesslog</c> and <c>where/PATH</c>. A connection of its own, on which opens are served and reads are
/// direct: files have no size that could cut them, and each open sees one consistent text.
/// </summary>
public sealed class ControlFileSystem : FuseFileSystem
{
    private const ulong Root = 1;
    private const ulong FirstFile = 2;

    // Below "where", node ids are those of the dataset with this bit.
    private const ulong WhereBit = 1UL << 63;
    private const ulong Where = WhereBit | DatasetFileSystem.RootInode;

    // Far above what people open by hand; a leak in a script must not eat the server.
    private const int MaxOpenFiles = 1024;

    private static readonly TimeSpan s_validity = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<ControlFile> _files;
    private readonly IDatasetTree _tree;
    private readonly ILocalFiles? _local;
    private readonly AccessLog _accessLog;
    private readonly ViewOptions _options;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<ulong, OpenedFile> _open = new();
    private ulong _lastHandle;

    /// <param name="files">Texts made anew at each open; <c>accesslog</c> and <c>where</c> come by themselves.</param>
    public ControlFileSystem(IReadOnlyList<ControlFile> files, IDatasetTree tree, ILocalFiles? local, AccessLog accessLog, ViewOptions options, ILogger logger)
    {
        _files = [.. files, new ControlFile("accesslog", OwnerOnly: true, () => "")];
        _tree = tree;
        _local = local;
        _accessLog = accessLog;
        _options = options;
        _logger = logger;
    }

    public override void Lookup(in FuseRequest request, ReadOnlySpan<byte> name)
    {
        if (request.Inode == Root)
        {
            if (name.SequenceEqual("where"u8))
            {
                request.ReplyEntry(Directory(Where), s_validity);
                return;
            }

            for (int i = 0; i < _files.Count; i++)
            {
                if (name.SequenceEqual(Encoding.UTF8.GetBytes(_files[i].Name)))
                {
                    request.ReplyEntry(File(FirstFile + (ulong)i), s_validity);
                    return;
                }
            }

            request.ReplyMissing(TimeSpan.Zero);
            return;
        }

        if ((request.Inode & WhereBit) == 0)
        {
            request.ReplyError(Errno.ENOTDIR);
            return;
        }

        FuseRequest later = request;
        byte[] copy = name.ToArray();
        Later(request, async token =>
        {
            ulong directory = later.Inode & ~WhereBit;
            TreeOutcome outcome = _tree.TryLookup(directory, copy, out TreeEntry entry);
            if (outcome == TreeOutcome.MustWait)
            {
                await _tree.LoadNameAsync(directory, copy, token);
                outcome = _tree.TryLookup(directory, copy, out entry);
            }

            if (outcome == TreeOutcome.Found)
            {
                later.ReplyEntry(entry.Kind == StoreEntryKind.Directory ? Directory(entry.Inode | WhereBit) : File(entry.Inode | WhereBit), s_validity);
            }
            else
            {
                later.ReplyError(Errno.ENOENT);
            }
        });
    }

    public override void GetAttributes(in FuseRequest request)
    {
        ulong inode = request.Inode;
        if (inode == Root || inode == Where)
        {
            request.ReplyAttributes(Directory(inode), s_validity);
        }
        else if (inode < FirstFile + (ulong)_files.Count)
        {
            request.ReplyAttributes(File(inode), s_validity);
        }
        else if ((inode & WhereBit) != 0)
        {
            TreeOutcome outcome = _tree.TryGetEntry(inode & ~WhereBit, out TreeEntry entry);
            bool directory = outcome == TreeOutcome.Found && entry.Kind == StoreEntryKind.Directory;
            request.ReplyAttributes(directory ? Directory(inode) : File(inode), s_validity);
        }
        else
        {
            request.ReplyError(Errno.ESTALE);
        }
    }

    public override void Open(in FuseRequest request, int flags)
    {
        if (_open.Count >= MaxOpenFiles)
        {
            request.ReplyError(Errno.EBUSY);
            return;
        }

        OpenedFile opened;
        if ((request.Inode & WhereBit) != 0)
        {
            opened = new OpenedFile(Encoding.UTF8.GetBytes(DescribeFile(request.Inode & ~WhereBit)), null);
        }
        else
        {
            ControlFile file = _files[(int)(request.Inode - FirstFile)];
            opened = file.Name == "accesslog"
                ? new OpenedFile([], _accessLog.Subscribe())
                : new OpenedFile(Encoding.UTF8.GetBytes(file.Text()), null);
        }

        ulong handle = Interlocked.Increment(ref _lastHandle);
        _open[handle] = opened;
        request.ReplyOpen(handle, FuseOpenFlags.DirectIo | FuseOpenFlags.NoFlush);
    }

    public override void Read(in FuseRequest request, ulong handle, long offset, int count)
    {
        if (!_open.TryGetValue(handle, out OpenedFile? opened))
        {
            request.ReplyError(Errno.EBADF);
            return;
        }

        if (opened.Log is { } log)
        {
            FuseRequest later = request;
            Later(request, async token => later.ReplyBytes(await log.ReadAsync(count, token)));
            return;
        }

        int from = (int)Math.Min(offset, opened.Content.Length);
        request.ReplyBytes(opened.Content.AsSpan(from, Math.Min(count, opened.Content.Length - from)));
    }

    public override void Release(in FuseRequest request, ulong handle)
    {
        request.ReplyOk();
        if (_open.TryRemove(handle, out OpenedFile? opened))
        {
            opened.Log?.Dispose();
        }
    }

    public override void ReadDirectory(in FuseRequest request, ulong cookie, int count, bool plus)
    {
        // "where" mirrors the dataset by name look-ups alone: listing it would be listing the dataset.
        FuseDirectoryReply reply = request.BeginDirectory(count, plus);
        for (int i = (int)cookie; request.Inode == Root && i <= _files.Count; i++)
        {
            bool added = i < _files.Count
                ? reply.TryAdd(Encoding.UTF8.GetBytes(_files[i].Name), File(FirstFile + (ulong)i), s_validity, (ulong)i + 1, remember: true)
                : reply.TryAdd("where"u8, Directory(Where), s_validity, (ulong)i + 1, remember: true);
            if (!added)
            {
                break;
            }
        }

        reply.Send();
    }

    public override void StatFs(in FuseRequest request) => request.ReplyStatFs(new FuseStatFs { BlockSize = 4096 });

    private string DescribeFile(ulong inode)
    {
        FileVersion? file = _tree.GetFile(inode);
        return file is null
            ? "not a file of this dataset\n"
            : $"path: /{Encoding.UTF8.GetString(_tree.GetPath(inode) ?? [])}\nuri: {file.DisplayUri}\nidentity: {file.Object.Identity}\nbytes: {file.Object.Size}\n{(file.Object.IsRange ? $"offset: {file.Object.Offset}\n" : "")}cached: {_local?.Describe(file) ?? "nothing"} (the kernel's page cache is not counted)\n";
    }

    private FuseAttributes Directory(ulong inode) => new()
    {
        Inode = inode,
        Kind = FuseFileKind.Directory,
        Permissions = 0x16D, // 0555
        LinkCount = 1,
        Uid = _options.DefaultUid,
        Gid = _options.DefaultGid,
    };

    private FuseAttributes File(ulong inode)
    {
        bool ownerOnly = (inode & WhereBit) == 0 && _files[(int)(inode - FirstFile)].OwnerOnly;
        return new FuseAttributes
        {
            Inode = inode,
            Kind = FuseFileKind.File,
            Permissions = ownerOnly ? (ushort)0x100 : (ushort)0x124, // 0400 or 0444
            LinkCount = 1,
            Uid = _options.DefaultUid,
            Gid = _options.DefaultGid,
        };
    }

    private void Later(in FuseRequest request, Func<CancellationToken, ValueTask> work) => _ = Run(request, work);

    private async Task Run(FuseRequest request, Func<CancellationToken, ValueTask> work)
    {
        using FuseWait wait = request.BeginWait();
        try
        {
            await work(wait.Token);
        }
        catch (Exception e) // The kernel waits for ever on a request without a reply.
        {
            if (e is not (OperationCanceledException or CacheException))
            {
                MountLog.OperationFailed(_logger, request.OperationName, ".mlp", ErrnoMap.From(e).ToString(), e.Message, e);
            }

            request.ReplyError(e);
        }
    }

    private sealed record OpenedFile(byte[] Content, AccessLog.Subscription? Log);
}
