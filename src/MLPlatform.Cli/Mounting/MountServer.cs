using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using MLPlatform.Cli.Framework;
using MLPlatform.Core;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Mounting;

/// <summary>Starts the file system on a directory.</summary>
internal delegate Task<IMountHandle> MountStarter(MountOptions options, MountRequestContext context, CancellationToken cancellationToken);

/// <summary>
/// One mount from start to end in this process, in the foreground or as a background server: checks the directory, starts the
/// file system, tells whoever waits, and stays until it is unmounted or a signal comes. One per process.
/// </summary>
internal sealed class MountServer(MountOptions options, MountStarter starter, ILoggerFactory loggers, string? logPath, ReadinessReport? report, string configuration, Terminal terminal)
{
    private readonly ILogger _logger = loggers.CreateLogger("mlp.mount");

    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(Interrupts interrupts)
    {
        try
        {
            return await ServeAsync(interrupts);
        }
        catch (Exception e) when (report is not null)
        {
            // A parent waits for one sentence; the whole story goes into the log.
            MountLog.Failed(_logger, options.Directory, e);
            bool isInterrupted = e is OperationCanceledException && interrupts.Received is not null;
            int code = e is CacheException fault ? ExitCodes.From(fault.Error) : isInterrupted ? ExitCodes.Interrupted : ExitCodes.Failed;
            report.Fail(code, e is CacheException or IOException or UnauthorizedAccessException ? e.Message : isInterrupted ? "interrupted." : $"internal error, see {logPath}: {e.Message}");
            return code;
        }
    }

    private async Task<int> ServeAsync(Interrupts interrupts)
    {
        string version = typeof(MountServer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        MountLog.Starting(_logger, version, options.Source, options.Directory, Environment.ProcessId);
        RunRegistry registry = RunRegistry.OfThisUser();
        MountPointCheck.Check(options, registry, what => MountLog.Cleared(_logger, what));
        (string id, string control) = registry.Reserve(options.Directory);
        try
        {
            await using IMountHandle mount = await starter(options, new MountRequestContext(control, configuration, loggers, OnProgress), interrupts.Token);

            // Who is told twice goes at once, but not without taking his mounts out of the tree.
            interrupts.LastResort = () =>
            {
                FuseMount.Unmount(options.Directory, lazy: true);
                registry.Remove(id);
            };

            // Not before: SOURCE and credentials may be relative paths. Not later: a busy directory could not be unmounted elsewhere.
            Environment.CurrentDirectory = "/";
            registry.Write(new RunRecord
            {
                Id = id,
                Pid = Environment.ProcessId,
                PidStartTicks = ProcessIdentity.StartTicks(Environment.ProcessId) ?? 0,
                PidNamespace = ProcessIdentity.Namespace,
                Directory = options.Directory,
                Source = mount.SourceName,
                Control = control,
                Log = logPath,
                Started = TimeProvider.System.GetUtcNow(),
                Options = options.Recorded,
            });
            if (report is not null)
            {
                bool isHeard = report.Ready();
                report.Dispose();
                if (!isHeard)
                {
                    // Nobody promised this mount to anybody.
                    MountLog.Abandoned(_logger, options.Directory);
                    return ExitCodes.Failed;
                }
            }

            await UntilEndAsync(mount, interrupts);
        }
        finally
        {
            registry.Remove(id);
        }

        return ExitCodes.Done;
    }

    private async Task UntilEndAsync(IMountHandle mount, Interrupts interrupts)
    {
        try
        {
            await mount.Ended.WaitAsync(interrupts.Token);
        }
        catch (OperationCanceledException) when (interrupts.Received is { } signal)
        {
            // The end that was asked for: leaving the scope of the mount unmounts it.
            MountLog.Signalled(_logger, signal == PosixSignal.SIGINT ? "SIGINT" : signal.ToString(), options.Directory);
        }
    }

    private void OnProgress(string words)
    {
        MountLog.Progress(_logger, words);
        report?.Progress(words);
        if (report is null && terminal.IsErrorTerminal)
        {
            terminal.Note(words);
        }
    }
}
