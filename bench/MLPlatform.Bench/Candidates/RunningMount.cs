using System.Diagnostics;
using MLPlatform.Fuse;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Candidates;

/// <summary>A mount that answers, and the process that serves it.</summary>
internal sealed class RunningMount : IDisposable
{
    private static readonly TimeSpan s_stopDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_settleDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_settled = TimeSpan.FromMilliseconds(400);

    private readonly string _cacheDirectory;
    private readonly Process? _process;
    private bool _ended;

    /// <param name="process">Null for a server in the background that is not our child.</param>
    public RunningMount(string directory, string cacheDirectory, ProcessMeter meter, TimeSpan startTime, Process? process)
    {
        Directory = directory;
        _cacheDirectory = cacheDirectory;
        Meter = meter;
        StartTime = startTime;
        _process = process;
    }

    public string Directory { get; }

    public ProcessMeter Meter { get; }

    /// <summary>From the start of the command to the directory's first answer.</summary>
    public TimeSpan StartTime { get; }

    /// <summary>Starts a server in the foreground and waits for its mount.</summary>
    public static RunningMount StartForeground(ProcessStartInfo command, string directory, string cacheDirectory)
    {
        System.IO.Directory.CreateDirectory(directory);
        System.IO.Directory.CreateDirectory(cacheDirectory);
        string log = directory + ".log";
        command.RedirectStandardError = true;

        // What the machine is set up for is not what is measured; some releases of rclone even end on a bundle of certificates.
        foreach (string name in command.Environment.Keys.Where(key => key.StartsWith("AWS_", StringComparison.Ordinal)).ToList())
        {
            command.Environment.Remove(name);
        }

        command.RedirectStandardOutput = true;
        Stopwatch clock = Stopwatch.StartNew();
        Process process = Process.Start(command)!;
        process.ErrorDataReceived += (_, line) => File.AppendAllText(log, line.Data + "\n");
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        while (!MountTable.Read().Any(entry => entry.Directory == directory))
        {
            if (process.HasExited || clock.Elapsed > TimeSpan.FromSeconds(60))
            {
                process.Kill();
                throw new InvalidOperationException($"{command.FileName} did not mount: {(File.Exists(log) ? File.ReadAllText(log).Trim() : "")}");
            }

            Thread.Sleep(2);
        }

        _ = System.IO.Directory.EnumerateFileSystemEntries(directory).Any();
        return new RunningMount(directory, cacheDirectory, new ProcessMeter(process.Id), clock.Elapsed, process);
    }

    /// <summary>Waits until nothing is written to the cache any more, so that what a fill costs is counted whole.</summary>
    public void Settle()
    {
        if (!System.IO.Directory.Exists(_cacheDirectory))
        {
            return;
        }

        Stopwatch clock = Stopwatch.StartNew();
        Stopwatch quiet = Stopwatch.StartNew();
        long written = Meter.DeviceWrittenBytes;
        while (quiet.Elapsed < s_settled && clock.Elapsed < s_settleDeadline)
        {
            Thread.Sleep(50);
            long now = Meter.DeviceWrittenBytes;
            if (now != written)
            {
                written = now;
                quiet.Restart();
            }
        }
    }

    /// <summary>SIGKILL, and the dead mount is taken away. What was cached stays.</summary>
    public void Kill()
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        Process.GetProcessById(Meter.ProcessId).Kill();
        FuseMount.Unmount(Directory, lazy: true);
        AwaitEnd();
        _process?.Dispose();
    }

    /// <summary>Unmounts as a user does.</summary>
    public void Dispose()
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        FuseMount.Unmount(Directory, lazy: false);
        AwaitEnd();
        _process?.Dispose();
    }

    private void AwaitEnd()
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (Meter.IsAlive)
        {
            if (clock.Elapsed > s_stopDeadline)
            {
                Process.GetProcessById(Meter.ProcessId).Kill();
                FuseMount.Unmount(Directory, lazy: true);
                throw new TimeoutException($"The server of {Directory} did not end within {s_stopDeadline.TotalSeconds} s of its unmount.");
            }

            Thread.Sleep(5);
        }
    }
}
