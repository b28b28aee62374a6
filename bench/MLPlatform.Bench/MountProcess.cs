using System.Diagnostics;
using MLPlatform.Fuse;
using MLPlatform.Lab;

namespace MLPlatform.Bench;

/// <summary>One <c>mlp mount</c> in the background, as a user starts it, with a state directory of its own.</summary>
internal sealed class MountProcess : IDisposable
{
    private readonly string _mlp;
    private readonly string _root;
    private readonly IReadOnlyDictionary<string, string> _environment;

    private MountProcess(string mlp, string root, IReadOnlyDictionary<string, string> environment)
    {
        _mlp = mlp;
        _root = root;
        _environment = environment;
        Directory = Path.Combine(root, "mnt");
        System.IO.Directory.CreateDirectory(Directory);
    }

    public string Directory { get; }

    /// <summary>From the start of the command to its return.</summary>
    public TimeSpan StartTime { get; private set; }

    public int ProcessId { get; private set; }

    /// <summary>User and system time of the server so far.</summary>
    public double CpuSeconds => new ProcessMeter(ProcessId).CpuSeconds;

    /// <param name="root">A directory that keeps catalogue and run files; made when missing.</param>
    public static MountProcess Start(string mlp, string root, string source, params string[] options) =>
        Start(mlp, root, source, new Dictionary<string, string>(), options);

    /// <param name="root">A directory that keeps catalogue and run files; made when missing.</param>
    public static MountProcess Start(string mlp, string root, string source, IReadOnlyDictionary<string, string> environment, params string[] options)
    {
        System.IO.Directory.CreateDirectory(root);
        MountProcess mount = new(mlp, root, environment);
        Stopwatch clock = Stopwatch.StartNew();
        mount.Run(["mount", source, mount.Directory, .. options]);
        mount.StartTime = clock.Elapsed;
        mount.ProcessId = FindServer(mount.Directory);
        return mount;
    }

    public static ProcessStartInfo Command(string mlp, string root, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo info = mlp.EndsWith(".dll", StringComparison.Ordinal) ? new("dotnet", [mlp, .. arguments]) : new(mlp, arguments);
        info.Environment["MLP_STATE_DIR"] = Path.Combine(root, "state");
        info.Environment["XDG_RUNTIME_DIR"] = Path.Combine(root, "run");
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[name] = value;
        }

        System.IO.Directory.CreateDirectory(Path.Combine(root, "run"));
        return info;
    }

    public void Run(IEnumerable<string> arguments)
    {
        using Process process = Process.Start(Command(_mlp, _root, arguments, _environment))!;
        if (!process.WaitForExit(TimeSpan.FromMinutes(5)) || process.ExitCode != 0)
        {
            throw new InvalidOperationException($"mlp {string.Join(' ', arguments)} failed");
        }
    }

    /// <summary>Waits until the listing in the background is complete.</summary>
    public void WaitPinned()
    {
        while (!File.ReadAllText(Path.Combine(Directory, ".mlp/version")).Contains("mode: pinned", StringComparison.Ordinal))
        {
            Thread.Sleep(20);
        }
    }

    public void Dispose()
    {
        Run(["umount", Directory]);
        FuseMount.Unmount(Directory, lazy: true);
    }

    /// <summary>The process whose command line names the directory and that holds /dev/fuse.</summary>
    private static int FindServer(string directory)
    {
        foreach (string entry in System.IO.Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(entry), out int id))
            {
                continue;
            }

            try
            {
                if (File.ReadAllText(Path.Combine(entry, "cmdline")).Split('\0').Contains(directory)
                    && System.IO.Directory.EnumerateFileSystemEntries(Path.Combine(entry, "fd")).Any(fd => new FileInfo(fd).LinkTarget == "/dev/fuse"))
                {
                    return id;
                }
            }
            catch (IOException)
            {
                // The process ended while we looked.
            }
        }

        throw new InvalidOperationException($"No server of {directory} found.");
    }
}
