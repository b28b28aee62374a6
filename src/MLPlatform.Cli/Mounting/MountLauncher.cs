using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Logs;
using MLPlatform.Core;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Mounting;

/// <summary>
/// The parent of a background mount: starts the server, shows its progress, and returns success only after the directory has
/// answered. On any failure it leaves nothing running and nothing mounted.
/// </summary>
internal sealed class MountLauncher(MountOptions options, Terminal terminal)
{
    // An orderly end is a few system calls; what needs longer hangs.
    private static readonly TimeSpan s_stopPatience = TimeSpan.FromSeconds(5);

    /// <param name="arguments">Those of this process.</param>
    /// <returns>The exit code.</returns>
    public int Start(IReadOnlyList<string> arguments, string logPath, CancellationToken cancellationToken)
    {
        RotatingLogOutput.MakeDirectory(logPath);
        ServerProcess server = ServerProcess.Start(arguments, logPath);
        try
        {
            ReadinessWait wait = new(server.ReadyPipe);
            switch (wait.Wait(options.StartTimeout, words => terminal.Note(words), cancellationToken))
            {
                case ReadinessOutcome.Ready:
                    break;
                case ReadinessOutcome.Failed:
                    server.WaitForExit(s_stopPatience);
                    CleanUp(server);
                    terminal.Fail(wait.Sentence);
                    return wait.ExitCode;
                case ReadinessOutcome.Vanished:
                    string end = server.WaitForExit(s_stopPatience) ? server.TryReap()! : "no exit";
                    CleanUp(server);
                    throw new CacheException(CacheError.Unreachable, $"The mount server ended before it was ready ({end}); its last words are in {logPath}.");
                default:
                    CleanUp(server);
                    throw new CacheException(
                        CacheError.DeadlineExceeded,
                        $"The mount server said nothing for {Duration.Format(options.StartTimeout)} and was stopped; see {logPath}, or give it longer with --start-timeout.");
            }

            if (MountProbe.List(options.Directory, options.StartTimeout) is { } problem)
            {
                CleanUp(server);
                throw new CacheException(CacheError.Unreachable, $"{options.Directory} was mounted, but 'ls' failed ({problem}), so it was unmounted again; see {logPath}.");
            }

            return ExitCodes.Done;
        }
        catch (OperationCanceledException)
        {
            CleanUp(server);
            throw;
        }
        finally
        {
            _ = NativeMethods.close(server.ReadyPipe);
        }
    }

    private void CleanUp(ServerProcess server)
    {
        server.Stop(s_stopPatience);

        // A server that was killed leaves its mounts behind; ours are those that nobody serves any more.
        if (MountTable.Read().Any(m => m.Directory == options.Directory && m.Type == MountPoints.FileSystemType) && MountPointCheck.IsDead(options.Directory))
        {
            FuseMount.Unmount(options.Directory, lazy: true);
        }

        string control = Path.Combine(MachinePaths.RunDirectory, $"{RunRegistry.NameFor(options.Directory)}-{server.Pid}");
        RunRegistry.OfThisUser().Remove(Path.GetFileName(control));
    }
}
