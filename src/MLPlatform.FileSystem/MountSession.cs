using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>One mounted dataset: its connection, that of its control files, and what the kernel is told when the tree changes.</summary>
public sealed class MountSession : IAsyncDisposable
{
    // How long the last users of a busy mount may go on after SIGTERM; Kubernetes kills 30 s after it.
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(10);

    private readonly MountRequest _request;
    private readonly ILogger _logger;
    private readonly DatasetFileSystem _fileSystem;
    private readonly FuseSession _session;
    private readonly FuseSession? _control;
    private readonly MountStatistics _statistics;
    private readonly Lock _changes = new();
    private int _stopped;

    private MountSession(MountRequest request, MountProfile profile)
    {
        _request = request;
        _logger = request.LoggerFactory.CreateLogger("mlp.mount");
        Profile = profile;
        _fileSystem = new DatasetFileSystem(request.Tree, request.Reader, request.Local, profile, request.View, request.ControlDirectory, request.Time, _logger);
        SafeFileHandle device = FuseMount.Mount(new FuseMountOptions { Directory = request.Directory, Source = request.Source, AllowOther = request.AllowOther, NoExec = request.NoExec });
        _session = new FuseSession(_fileSystem, device, request.Fuse with { Passthrough = profile == MountProfile.Shards && request.View.Passthrough }, _logger);
        _fileSystem.Session = _session;
        _statistics = new MountStatistics(request, _fileSystem, _session, profile);
        try
        {
            _session.Start();
            FuseMount.SetReadahead(request.Directory, request.Fuse.ReadaheadBytes);
            if (request.ControlDirectory is not null)
            {
                _control = StartControl(request.ControlDirectory);
            }
        }
        catch
        {
            FuseMount.Unmount(request.Directory, lazy: true);
            _session.Dispose();
            throw;
        }

        request.Tree.Changed += OnTreeChanged;
    }

    public MountProfile Profile { get; }

    public FuseCapabilities Capabilities => _session.Capabilities;

    /// <summary>Ends when somebody unmounted the directory.</summary>
    public Task Completion => _session.Completion;

    /// <summary>The text of <c>.mlp/stats</c>.</summary>
    public string Statistics => _statistics.ToJson();

    /// <summary>The same numbers as Prometheus text.</summary>
    public string Metrics => _statistics.ToPrometheus();

    /// <summary>Mounts; when it returns the directory answers.</summary>
    /// <exception cref="CacheException">One sentence with the remedy; nothing is left mounted.</exception>
    public static MountSession Start(MountRequest request)
    {
        MountSession session = new(request, ProfileChoice.Resolve(request.Profile, request.Tree.Status));
        MountLog.Mounted(session._logger, request.Source, request.Directory, MountStatistics.ProfileName(session.Profile), session.Capabilities.Passthrough, session.Capabilities.ProtocolMinor);
        return session;
    }

    /// <summary>Unmounts. While somebody uses the mount, it leaves the tree at once and its users have a few seconds to end.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }

        _request.Tree.Changed -= OnTreeChanged;
        if (!_session.Completion.IsCompleted && FuseMount.Unmount(_request.Directory, lazy: false) == Errno.EBUSY)
        {
            MountLog.UnmountedLazily(_logger, _request.Directory, Duration.Format(s_grace));
            FuseMount.Unmount(_request.Directory, lazy: true);
        }

        await Task.WhenAny(_session.Completion, Task.Delay(s_grace, _request.Time));
        _session.Dispose();
        await StopControl();
        MountLog.Unmounted(_logger, _request.Directory);
    }

    private FuseSession StartControl(string directory)
    {
        Directory.CreateDirectory(directory);
        ControlFile[] files =
        [
            new("stats", OwnerOnly: false, _statistics.ToJson),
            new("version", OwnerOnly: false, _statistics.VersionText),
            new("config", OwnerOnly: true, () => _request.Configuration),
        ];
        ControlFileSystem control = new(files, _request.Tree, _request.Local, _fileSystem.AccessLog, _request.View, _logger);

        // Mounted writable: plans are written here, and the kernel's EROFS would come before ours.
        SafeFileHandle device = FuseMount.Mount(new FuseMountOptions { Directory = directory, Source = "mlp-control", ReadOnly = false, AllowOther = _request.AllowOther });
        FuseSession session = new(control, device, new FuseSessionOptions { Threads = 1, ReadDirPlus = true }, _logger);
        try
        {
            session.Start();
            return session;
        }
        catch
        {
            FuseMount.Unmount(directory, lazy: true);
            session.Dispose();
            throw;
        }
    }

    private async Task StopControl()
    {
        if (_control is null)
        {
            return;
        }

        FuseMount.Unmount(_request.ControlDirectory!, lazy: true);
        await Task.WhenAny(_control.Completion, Task.Delay(TimeSpan.FromSeconds(2), _request.Time));
        _control.Dispose();
        try
        {
            Directory.Delete(_request.ControlDirectory!);
        }
        catch (IOException)
        {
            // Somebody's lazy mount still stands on it; the next mount clears it.
        }
    }

    private void OnTreeChanged(TreeChange change)
    {
        // Invalidation waits for reads under way on the same pages, so it needs a thread that none of them needs.
        Thread thread = new(() => Invalidate(change)) { IsBackground = true, Name = "mlp-invalidate" };
        thread.Start();
    }

    private void Invalidate(TreeChange change)
    {
        lock (_changes) // One change after the other, in order of arrival as good as the threads'.
        {
            if (change.Names is null)
            {
                _session.InvalidateAllEntries();
            }

            foreach ((ulong directory, byte[] name) in change.Names ?? [])
            {
                _session.InvalidateEntry(directory, name);
            }

            foreach (ulong inode in change.Inodes)
            {
                _session.InvalidateInode(inode);
                _request.Reader.Close(inode);
            }
        }

        MountLog.TreeChanged(
            _logger,
            change.Status.Dataset,
            change.Status.Mode.ToString().ToLowerInvariant(),
            change.Status.Version ?? "",
            change.Names is null ? "all" : change.Names.Count.ToString(System.Globalization.CultureInfo.InvariantCulture),
            change.Inodes.Count);
    }
}
