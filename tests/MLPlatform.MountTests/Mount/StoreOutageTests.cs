using System.Diagnostics;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>The store dies, stalls and comes back while somebody reads.</summary>
[Trait("Published", "true")]
public sealed class StoreOutageTests : IAsyncLifetime
{
    private const string Bucket = "lab";
    private const int ObjectBytes = 300_000;
    private const int Objects = 200;

    private LightOrigin _origin = null!;
    private FaultProxy _proxy = null!;
    private SyntheticSource _source = null!;

    public async Task InitializeAsync()
    {
        _source = new SyntheticSource(Bucket, directories: 4, filesPerDirectory: Objects / 4, ObjectBytes, seed: 3);
        _origin = await LightOrigin.StartAsync(_source);
        _proxy = await FaultProxy.StartAsync(_origin.Endpoint);
    }

    public async Task DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _origin.DisposeAsync();
    }

    [SkippableFact]
    [Promise("S4")]
    public async Task Store_DiesAndComesBackUnderLoad_ReadsWaitAndGoOn()
    {
        Requires.Fuse();
        await using MountedSource mount = await StartAsync("60s");
        Task<int> reading = Task.Run(() => ReadAll(mount, 8));
        await WaitForGets(mount, 20);
        _proxy.StopListening();
        await Task.Delay(3000);
        Assert.False(reading.IsCompleted, "there was nothing left to read while the store was away");
        _proxy.Resume();
        Assert.Equal(0, await reading.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.True((await mount.StatisticsAsync()).GetProperty("origin_retries").GetInt64() > 0);
    }

    [SkippableFact]
    [Promise("S4")]
    public async Task Store_StaysAwayPastTheDeadline_FailsWithEioAndTheCauseInTheLog()
    {
        Requires.Fuse();
        await using MountedSource mount = await StartAsync("2s");
        _proxy.StopListening();
        Stopwatch clock = Stopwatch.StartNew();
        CommandResult result = await Command.ShellAsync($"cat {Path(mount, 0)}");
        Assert.Contains("Input/output error", result.Error, StringComparison.Ordinal);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60)); // A few READs of 2 s each on a busy machine; with the default of 60 s it would be minutes.
        Assert.Contains(mount.Log, line => line.Contains(_source.KeyAt(0), StringComparison.Ordinal) && line.Contains("refused", StringComparison.OrdinalIgnoreCase));
        _proxy.Resume();
        Assert.Equal(0, ReadAll(mount, 4)); // A failed read is not remembered.
    }

    [SkippableTheory]
    [InlineData("stall")]
    [InlineData("black hole")]
    [Promise("S5")]
    public async Task Reader_KilledWhileTheStoreIsSilent_EndsAtOnce(string kind)
    {
        Requires.Fuse();
        await using MountedSource mount = await StartAsync("60s");
        using InjectedFault fault = _proxy.Inject(kind == "stall" ? Fault.Stall(1000) : Fault.BlackHole);
        using Process reader = Command.Start("/bin/cat", [Path(mount, 1)]);
        await fault.HitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Stopwatch clock = Stopwatch.StartNew();
        reader.Kill();
        await reader.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10));
    }

    [SkippableFact]
    [Promise("S5")]
    public async Task DirectReader_InterruptedBySignal_IsLetGo()
    {
        Requires.Fuse();
        await using MountedSource mount = await StartAsync("60s");
        using InjectedFault fault = _proxy.Inject(Fault.BlackHole);
        string script = $$"""
            import mmap, os, signal
            def on(*a): raise KeyboardInterrupt
            signal.signal(signal.SIGALRM, on)
            f = os.open("{{Path(mount, 2)}}", os.O_RDONLY | os.O_DIRECT)
            signal.alarm(1)
            try:
                os.readv(f, [mmap.mmap(-1, 4096)])
                print("read")
            except KeyboardInterrupt:
                print("interrupted")
            """;
        CommandResult result = await Command.RunAsync("python3", ["-c", script], TimeSpan.FromSeconds(30));
        Assert.Equal("interrupted", result.Output.Trim());
    }

    [SkippableTheory]
    [InlineData("503")]
    [InlineData("cut")]
    [InlineData("slow")]
    public async Task Store_MisbehavesNowAndThen_EveryByteIsStillRight(string kind)
    {
        Requires.Fuse();
        await using MountedSource mount = await StartAsync("60s");
        using InjectedFault? fault = kind switch
        {
            "503" => _proxy.Inject(Fault.SlowDown with { Probability = 0.2 }),
            "cut" => _proxy.Inject(Fault.Cut(100_000) with { Probability = 0.2 }),
            _ => null,
        };
        if (kind == "slow")
        {
            _proxy.Latency = TimeSpan.FromMilliseconds(30);
            _proxy.BytesPerSecond = 40_000_000;
        }

        Assert.Equal(0, ReadAll(mount, 8));
        Assert.True(kind == "slow" || fault!.Hits > 0);
    }

    [SkippableFact]
    [Promise("S1")]
    public async Task Object_ReplacedUnderAPinnedMount_FailsWithEstaleAndSaysWhatToDo()
    {
        Requires.Fuse();
        MemorySource memory = new(Bucket);
        byte[] first = [.. Enumerable.Repeat((byte)1, 5000)];
        memory.Add(Bucket, "a", first);
        memory.Add(Bucket, "gone", first);
        await using LightOrigin origin = await LightOrigin.StartAsync(memory);
        await using MountedSource mount = await MountedSource.StartPinnedAsync($"s3://{Bucket}", ["--endpoint-url", origin.Endpoint.ToString(), "--anonymous"]);
        memory.Add(Bucket, "a", [.. Enumerable.Repeat((byte)2, 5000)]);
        memory.Delete(Bucket, "gone");
        CommandResult result = await Command.ShellAsync($"cat {mount.PathOf("a")}");
        Assert.Contains("Stale file handle", result.Error, StringComparison.Ordinal);
        Assert.Contains("No such file", (await Command.ShellAsync($"cat {mount.PathOf("gone")}")).Error, StringComparison.Ordinal);
        Assert.Contains(mount.Log, line => line.Contains($"s3://{Bucket}/a", StringComparison.Ordinal) && line.Contains("mlp dataset sync", StringComparison.Ordinal));
    }

    private async Task<MountedSource> StartAsync(string timeout)
    {
        return await MountedSource.StartPinnedAsync(
            $"s3://{Bucket}", ["--endpoint-url", _proxy.Endpoint.ToString(), "--anonymous", "--read-timeout", timeout, "--profile", "files"]);
    }

    private string Path(MountedSource mount, int index) => mount.PathOf(_source.KeyAt(index));

    /// <returns>Files with a wrong byte.</returns>
    private int ReadAll(MountedSource mount, int threads)
    {
        int wrong = 0;
        Parallel.For(0, Objects, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
        {
            byte[] bytes = File.ReadAllBytes(Path(mount, i));
            if (bytes.Length != ObjectBytes || SyntheticContent.FirstMismatch(3, _source.KeyAt(i), 0, bytes) >= 0)
            {
                Interlocked.Increment(ref wrong);
            }
        });
        return wrong;
    }

    private static async Task WaitForGets(MountedSource mount, long count)
    {
        while ((await mount.StatisticsAsync()).GetProperty("origin_requests").GetProperty("get").GetInt64() < count)
        {
            await Task.Delay(10);
        }
    }
}
