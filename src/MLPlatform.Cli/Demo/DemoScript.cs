using System.Diagnostics;
using System.Text.Json;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Mounting;
using MLPlatform.Core;
using MLPlatform.Fuse;
using MLPlatform.Lab;

namespace MLPlatform.Cli.Demo;

/// <summary>
/// The whole story in a minute: a small tree behind a store with a declared latency and rate, mounted as a user would, read cold and
/// warm, then preloaded into an empty cache and read from its disk after a remount, beside the same files on the local disk. Everything lies in one temporary directory; <see cref="DisposeAsync"/> leaves nothing of it.
/// </summary>
internal sealed class DemoScript(Terminal terminal) : IAsyncDisposable
{
    private const string Bucket = "demo";
    private const int Threads = 8;

    // A store in the same region over a shared link; both are printed with the table.
    public static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(20);
    public const long BytesPerSecond = 200L << 20;

    private static readonly TreeSpec s_tree = new() { Seed = 42, Files = 800, Classes = 20, MedianBytes = 100 << 10, Sigma = 0.4, MaxBytes = 1 << 20, Shards = 3, ShardBytes = 32 << 20 };

    private readonly string _root = Directory.CreateTempSubdirectory("mlp-demo-").FullName;
    private LightOrigin? _origin;
    private FaultProxy? _proxy;

    private string Data => Path.Combine(_root, "data");

    private string Mount => Path.Combine(_root, "mnt");

    public async Task<List<DemoPass>> RunAsync(CancellationToken cancellationToken)
    {
        List<string> all = [.. s_tree.Enumerate().Select(file => file.Path)];
        List<string> small = [.. all.Where(path => !path.StartsWith(s_tree.ShardPrefix, StringComparison.Ordinal))];
        List<string> shards = [.. all.Except(small)];
        Step($"making {small.Count} image-like files and {shards.Count} shards of {ByteSize.Format(s_tree.ShardBytes)}");
        await TreeGenerator.WriteAsync(s_tree, Data, null, cancellationToken);
        Directory.CreateDirectory(Mount);

        Step($"starting an S3 store with {Duration.Format(Latency)} of latency and {ByteSize.Format(BytesPerSecond)}/s");
        _origin = await LightOrigin.StartAsync(new DirectorySource(Bucket, Data));
        _proxy = await FaultProxy.StartAsync(_origin.Endpoint);
        _proxy.Latency = Latency;
        _proxy.BytesPerSecond = BytesPerSecond;

        string options = $"--endpoint-url {_proxy.Endpoint} --anonymous";
        await MlpAsync($"mlp mount s3://{Bucket} {Mount} {options} --cache-dir {Cache("first")}", cancellationToken);

        List<DemoPass> passes = [];
        FileReading.ReadAll(Data, all, Threads, cancellationToken); // The local disk's page cache is warm, too.
        foreach ((string kind, List<string> names, int threads) in new[] { ("small files, random", small, Threads), ("shards, sequential", shards, 1) })
        {
            Step($"reading {kind}: cold, warm, and from the local disk");
            passes.Add(Read($"{kind}: cold", Mount, FileReading.Shuffled(names, 1), threads, cancellationToken));
            passes.Add(Read($"{kind}: warm", Mount, FileReading.Shuffled(names, 2), threads, cancellationToken));
            passes.Add(Read($"{kind}: local page cache", Data, FileReading.Shuffled(names, 2), threads, cancellationToken));
        }

        await MlpAsync($"mlp umount {Mount}", cancellationToken);
        passes.Add(await PreloadAsync($"mlp preload s3://{Bucket} {options} --cache-dir {Cache("second")}", all, cancellationToken));
        await MlpAsync($"mlp mount s3://{Bucket} {Mount} {options} --cache-dir {Cache("second")}", cancellationToken);
        foreach ((string kind, List<string> names, int threads) in new[] { ("small files, random", small, Threads), ("shards, sequential", shards, 1) })
        {
            Step($"reading {kind} from the cache's disk and from the local disk, neither in memory");
            PageCache.Drop(Cache("second"));
            passes.Add(Read($"{kind}: preloaded", Mount, FileReading.Shuffled(names, 3), threads, cancellationToken));
            PageCache.Drop(Data);
            passes.Add(Read($"{kind}: local disk", Data, FileReading.Shuffled(names, 3), threads, cancellationToken));
        }

        return passes;
    }

    public async ValueTask DisposeAsync()
    {
        if (MountTable.Read().Any(entry => entry.Directory == Mount))
        {
            try
            {
                await RunMlpAsync(["umount", Mount], CancellationToken.None);
            }
            catch (CacheException e)
            {
                terminal.Warn(e.Message);
                FuseMount.Unmount(Mount, lazy: true);
            }
        }

        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }

        if (_origin is not null)
        {
            await _origin.DisposeAsync();
        }

        Directory.Delete(_root, recursive: true);
    }

    private DemoPass Read(string what, string root, List<string> names, int threads, CancellationToken cancellationToken)
    {
        bool local = root == Data;
        double serverBefore = local ? 0 : ServerCpuSeconds();
        ProxyCounters before = _proxy!.Counters;
        (double wall, double cpu, long bytes) = FileReading.ReadAll(root, names, threads, cancellationToken);
        ProxyCounters origin = _proxy.Counters - before;
        double server = local ? 0 : ServerCpuSeconds() - serverBefore;
        bool isDisk = what.EndsWith("disk", StringComparison.Ordinal) || what.EndsWith("preloaded", StringComparison.Ordinal);
        string source = local ? isDisk ? "disk" : "page cache" : origin.ResponseBytes >= bytes / 2 ? "the store" : isDisk ? "disk (cache)" : "page cache (mount)";
        return new DemoPass(what, source, names.Count, bytes, wall, cpu + server, origin.Requests, origin.ResponseBytes);
    }

    private async Task<DemoPass> PreloadAsync(string command, List<string> names, CancellationToken cancellationToken)
    {
        ProxyCounters before = _proxy!.Counters;
        (double wall, double cpu) = await MlpAsync(command, cancellationToken);
        ProxyCounters origin = _proxy.Counters - before;
        return new DemoPass("all files: preload", "the store", names.Count, names.Sum(name => new FileInfo(Path.Combine(Data, name)).Length), wall, cpu, origin.Requests, origin.ResponseBytes);
    }

    private double ServerCpuSeconds()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(Mount, ".mlp/stats")));
        return document.RootElement.GetProperty("cpu_s").GetDouble();
    }

    /// <summary>Another run of this program, with its state in the demo's own directory.</summary>
    /// <returns>Seconds that it took, and of CPU; of a mount's the part until it answers.</returns>
    private async Task<(double Wall, double Cpu)> RunMlpAsync(string[] arguments, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        double cpu = ChildCpu.Seconds;
        (string program, IEnumerable<string> first) = ServerProcess.Myself();
        ProcessStartInfo info = new(program, [.. first.Skip(1), .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        info.Environment["MLP_STATE_DIR"] = Path.Combine(_root, "state");

        // The demo's 180 MiB fit wherever its tree does.
        info.Environment["MLP_MIN_FREE"] = "0%";
        info.Environment["XDG_CACHE_HOME"] = Path.Combine(_root, "cache");
        using Process process = Process.Start(info) ?? throw new CacheException(CacheError.Unsupported, $"Cannot start {program}.");
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        string error = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            await output;
            string said = error.Trim().Split('\n')[^1];
            throw new CacheException(CacheError.Unsupported, said.StartsWith("mlp: ", StringComparison.Ordinal) ? said[5..] : said);
        }

        return (Stopwatch.GetElapsedTime(start).TotalSeconds, ChildCpu.Seconds - cpu);
    }

    private Task<(double Wall, double Cpu)> MlpAsync(string command, CancellationToken cancellationToken)
    {
        Step(command);
        return RunMlpAsync(command.Split(' ')[1..], cancellationToken);
    }

    private string Cache(string name) => Path.Combine(_root, name + "-cache");

    private void Step(string what)
    {
        if (terminal.IsErrorTerminal)
        {
            terminal.Note(what);
        }
    }
}
