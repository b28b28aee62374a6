using System.Diagnostics;
using System.Text.Json;
using MLPlatform.Fuse;
using Xunit;

namespace MLPlatform.MountTests.Support;

/// <summary>One mount in the foreground by a process of its own, with a state directory of its own; ended and cleaned up at disposal.</summary>
public sealed class MountedSource : IAsyncDisposable
{
    private readonly string _root;
    private readonly bool _ownsRoot;
    private readonly List<string> _log = [];
    private Task _reading = Task.CompletedTask;

    private MountedSource(string root, bool ownsRoot)
    {
        _root = root;
        _ownsRoot = ownsRoot;
        Directory = Path.Combine(root, "mnt");
        if (!MountTable.Read().Any(entry => entry.Directory == Directory))
        {
            System.IO.Directory.CreateDirectory(Directory); // A dead mount there would answer ENOTCONN.
        }
    }

    /// <summary>The mount point.</summary>
    public string Directory { get; }

    public Process Server { get; private set; } = null!;

    /// <summary>Lines the server wrote so far.</summary>
    public IReadOnlyList<string> Log
    {
        get
        {
            lock (_log)
            {
                return [.. _log];
            }
        }
    }

    public static IReadOnlyDictionary<string, string> Environment(string root) => new Dictionary<string, string>
    {
        ["MLP_STATE_DIR"] = Path.Combine(root, "state"),
        ["XDG_RUNTIME_DIR"] = Path.Combine(root, "run"),
        ["XDG_CACHE_HOME"] = Path.Combine(root, "cache"),
    };

    /// <summary>Mounts and waits until the directory answers.</summary>
    public static async Task<MountedSource> StartAsync(string source, string[] options, IReadOnlyDictionary<string, string>? environment = null, string? root = null)
    {
        MountedSource mount = new(root ?? System.IO.Directory.CreateTempSubdirectory("mlp-mount-").FullName, root is null);
        Dictionary<string, string> all = new(Environment(mount._root));
        System.IO.Directory.CreateDirectory(all["XDG_RUNTIME_DIR"]);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            all[name] = value;
        }

        mount.Server = Mlp.Start(["mount", source, mount.Directory, "-f", .. options], all);
        mount._reading = Task.WhenAll(mount.Keep(mount.Server.StandardError), mount.Keep(mount.Server.StandardOutput));
        Stopwatch clock = Stopwatch.StartNew();
        // The log, not the directory: over a dead mount the kernel goes on answering from what it remembers of that.
        while (!mount.Log.Any(line => line.Contains("Mounted ", StringComparison.Ordinal)))
        {
            if (mount.Server.HasExited || clock.Elapsed > TimeSpan.FromSeconds(60))
            {
                string log = string.Join('\n', mount.Log);
                await mount.DisposeAsync();
                throw new InvalidOperationException($"The mount of {source} did not come up:\n{log}");
            }

            await Task.Delay(20);
        }

        return mount;
    }

    /// <summary>As above, and waits until the listing in the background is complete.</summary>
    public static async Task<MountedSource> StartPinnedAsync(string source, string[] options, IReadOnlyDictionary<string, string>? environment = null, string? root = null)
    {
        MountedSource mount = await StartAsync(source, options, environment, root);
        try
        {
            await mount.PinnedAsync();
            return mount;
        }
        catch
        {
            await mount.DisposeAsync();
            throw;
        }
    }

    public string PathOf(string name) => Path.Combine(Directory, name);

    /// <summary>The mount's own counters.</summary>
    public async Task<JsonElement> StatisticsAsync()
    {
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllTextAsync(PathOf(".mlp/stats")));
        return document.RootElement.Clone();
    }

    /// <summary>Waits until a listing in the background has pinned the mount to a version.</summary>
    public async Task PinnedAsync()
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!(await File.ReadAllTextAsync(PathOf(".mlp/version"))).Contains("mode: pinned", StringComparison.Ordinal))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), "the listing did not end within a minute");
            await Task.Delay(50);
        }
    }

    /// <summary>Waits until a counter of <c>.mlp/stats</c> has reached a value.</summary>
    /// <param name="path">Its keys, joined by dots.</param>
    public async Task UntilAsync(string path, long value)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (true)
        {
            JsonElement at = await StatisticsAsync();
            foreach (string key in path.Split('.'))
            {
                at = at.TryGetProperty(key, out JsonElement next) ? next : default;
            }

            if (at.ValueKind == JsonValueKind.Number && at.GetInt64() >= value)
            {
                return;
            }

            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), $"{path} did not reach {value} within a minute; it is {at}");
            await Task.Delay(20);
        }
    }

    /// <summary>SIGKILL, as the kernel does when memory is out.</summary>
    public async Task KillAsync()
    {
        Server.Kill();
        await Server.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!Server.HasExited)
        {
            await Command.RunAsync("/bin/kill", ["-TERM", $"{Server.Id}"]);
            using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(20));
            try
            {
                await Server.WaitForExitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Server.Kill();
            }
        }

        await _reading;
        Server.Dispose();
        FuseMount.Unmount(Directory, lazy: true);
        if (_ownsRoot)
        {
            System.IO.Directory.Delete(_root, recursive: true);
        }
    }

    private async Task Keep(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_log)
            {
                _log.Add(line);
            }
        }
    }
}
