using System.Diagnostics;
using System.Text.Json;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Cache;

/// <summary>What <c>mlp preload</c>, <c>evict</c>, <c>pin</c> and <c>unpin</c> ask of the store and leave in the cache, on a real origin that counts.</summary>
public sealed class PreloadTests : IAsyncLifetime
{
    private const string Bucket = "lab";
    private const int SmallFiles = 300;
    private const int SmallBytes = 40_000;
    private const int LargeFiles = 3;
    private const long LargeBytes = 20_000_000;
    private const long AllBytes = (SmallFiles * (long)SmallBytes) + (LargeFiles * LargeBytes);

    private readonly string _root = Directory.CreateTempSubdirectory("mlp-preload-").FullName;
    private readonly MemorySource _source = new(Bucket);
    private LightOrigin _origin = null!;
    private FaultProxy _proxy = null!;

    private string Source => $"s3://{Bucket}/data";

    private Dictionary<string, string> Environment => new(MountedSource.Environment(_root))
    {
        ["MLP_CACHE_DIR"] = Path.Combine(_root, "cache"),
        ["MLP_MIN_FREE"] = "0%",
        ["MLP_ANONYMOUS"] = "true",
        ["AWS_ENDPOINT_URL"] = _proxy.Endpoint.ToString(),
        ["NO_COLOR"] = "1",
    };

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(Path.Combine(_root, "run"));
        for (int i = 0; i < SmallFiles; i++)
        {
            _source.AddSynthetic(Bucket, $"data/small/{i % 10}/{i:d4}.jpg", SmallBytes);
        }

        for (int i = 0; i < LargeFiles; i++)
        {
            _source.AddSynthetic(Bucket, $"data/large/{i}.bin", LargeBytes);
        }

        _origin = await LightOrigin.StartAsync(_source);
        _proxy = await FaultProxy.StartAsync(_origin.Endpoint);
    }

    public async Task DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _origin.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [SkippableFact]
    [Promise("C6")]
    public async Task Preload_ThenMount_ReadsWithoutTheStore()
    {
        Requires.Fuse();
        OriginCounters start = _origin.Counters;
        CommandResult first = await DoneAsync("preload", Source);
        OriginCounters cold = _origin.Counters - start;
        Assert.Equal(AllBytes, cold.BodyBytes);
        Assert.Contains("303 fetched", first.Output, StringComparison.Ordinal);
        Assert.Equal("", first.Error);

        OriginCounters before = _origin.Counters;
        Assert.Contains("0 fetched (0 B), 303 were there", (await DoneAsync("preload", Source)).Output, StringComparison.Ordinal);
        await using (MountedSource mount = await MountedSource.StartPinnedAsync(Source, [], Environment, _root))
        {
            byte[] wanted = new byte[SmallBytes];
            foreach (string name in (string[])["small/0/0000.jpg", "small/9/0299.jpg"])
            {
                SyntheticContent.Fill(0, "data/" + name, 0, wanted);
                Assert.Equal(wanted, await File.ReadAllBytesAsync(mount.PathOf(name)));
            }

            foreach (string path in Directory.EnumerateFiles(mount.Directory, "*", SearchOption.AllDirectories))
            {
                await File.ReadAllBytesAsync(path);
            }
        }

        Assert.Equal(0, (_origin.Counters - before).Gets);
    }

    [Fact]
    [Promise("C6")]
    public async Task Preload_KilledAndRunAgain_FetchesOnlyWhatIsMissing()
    {
        _proxy.BytesPerSecond = 40 << 20;
        OriginCounters start = _origin.Counters;
        using (Process first = Mlp.Start(["preload", Source, "--threads", "4"], Environment))
        {
            Task<string> output = first.StandardOutput.ReadToEndAsync();
            using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(60));
            while ((_origin.Counters - start).BodyBytes < AllBytes / 2)
            {
                Assert.False(first.HasExited, "it ended before it could be killed");
                await Task.Delay(5, deadline.Token);
            }

            first.Kill();
            await first.WaitForExitAsync(deadline.Token);
            await output;
        }

        _proxy.BytesPerSecond = 0;
        OriginCounters before = _origin.Counters;
        using JsonDocument result = JsonDocument.Parse((await DoneAsync("preload", Source, "--json")).Output.Trim().Split('\n')[^1]);
        Assert.Equal(SmallFiles + LargeFiles, Number(result, "files_done"));

        // What was under way when it was killed is lost: four fetches of a part at most, and what the proxy had not passed on.
        long again = (_origin.Counters - before).BodyBytes;
        Assert.InRange(again, 1, (AllBytes / 2) + (4 * (8 << 20)) + (8 << 20));
        before = _origin.Counters;
        await DoneAsync("preload", Source);
        Assert.Equal(0, (_origin.Counters - before).Gets);
    }

    [Fact]
    public async Task Preload_Interrupted_SaysHowToGoOn()
    {
        _proxy.BytesPerSecond = 20 << 20;
        OriginCounters start = _origin.Counters;
        using Process running = Mlp.Start(["preload", Source], Environment);
        Task<string> error = running.StandardError.ReadToEndAsync();
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(60));
        while ((_origin.Counters - start).BodyBytes < AllBytes / 4)
        {
            await Task.Delay(5, deadline.Token);
        }

        await Command.RunAsync("/bin/kill", ["-INT", $"{running.Id}"]);
        await running.WaitForExitAsync(deadline.Token);
        Assert.Equal(130, running.ExitCode);
        Assert.Equal($"mlp: interrupted; what is done is kept, go on with: mlp preload {Source}\n", await error);
    }

    [Fact]
    public async Task Preload_Selected_FetchesNothingElse()
    {
        OriginCounters before = _origin.Counters;
        await DoneAsync("preload", Source, "small/3", "large/1.bin", "--exclude", "02*.jpg");
        Assert.Equal((20 * SmallBytes) + LargeBytes, (_origin.Counters - before).BodyBytes);
        before = _origin.Counters;
        string list = Path.Combine(_root, "list");
        await File.WriteAllTextAsync(list, "small/4/0004.jpg\nsmall/4/0014.jpg\n");
        await DoneAsync("preload", Source, "--files-from", list);
        Assert.Equal(2 * SmallBytes, (_origin.Counters - before).BodyBytes);

        before = _origin.Counters;
        await FailsAsync(1, "'small/x' is not in", "preload", Source, "small/x");
        await FailsAsync(1, "'*.png' matches nothing", "preload", Source, "--include", "*.jpg", "--include", "*.png");
        await File.WriteAllTextAsync(list, "small/4/0004.jpg\nnothing\n");
        await FailsAsync(1, $"{list}, line 2: 'nothing' is not in", "preload", Source, "--files-from", list);
        await FailsAsync(2, "--include", "preload", Source, "--include", "[a");
        Assert.Equal(0, (_origin.Counters - before).Gets);
    }

    [Fact]
    [Promise("C7")]
    public async Task Preload_MoreThanFits_StopsAndSaysSo()
    {
        OriginCounters before = _origin.Counters;
        CommandResult result = await FailsAsync(3, "are not in the cache", "preload", Source, "--cache-size", "30MB");
        Assert.Contains("--cache-size", result.Error, StringComparison.Ordinal);

        // No useless fetching: what was under way at most.
        Assert.InRange((_origin.Counters - before).BodyBytes, 1, 30_000_000 + (16 * (8 << 20)));
        before = _origin.Counters;
        await FailsAsync(3, "are not in the cache", "preload", Source, "--cache-size", "30MB");
        Assert.InRange((_origin.Counters - before).BodyBytes, 0, 16 * (8 << 20));
    }

    [Fact]
    public async Task Preload_FilesThatFail_AreListedAndTheOthersCome()
    {
        await DoneAsync("dataset", "add", "birds", Source);
        _source.Delete(Bucket, "data/small/5/0005.jpg");
        _source.AddSynthetic(Bucket, "data/large/1.bin", LargeBytes, content: "another");
        CommandResult result = await FailsAsync(3, "small/5/0005.jpg: ", "preload", "birds", "--json");
        Assert.Contains("large/1.bin: ", result.Error, StringComparison.Ordinal);
        List<JsonElement> lines = [.. result.Output.Trim().Split('\n').Select(static line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(2, lines.Count(static line => line.TryGetProperty("error", out _)));
        Assert.Equal((2, SmallFiles + LargeFiles - 2), (lines[^1].GetProperty("failed_files").GetInt32(), lines[^1].GetProperty("fetched_files").GetInt32()));
        Assert.False(lines[^1].GetProperty("complete").GetBoolean());
    }

    [SkippableFact]
    [Promise("C8")]
    public async Task Pin_SurvivesAKillAndStopsEviction_UntilUnpinned()
    {
        Requires.Fuse();
        await DoneAsync("pin", Source, "small/1", "large/0.bin");
        await using (MountedSource mount = await MountedSource.StartPinnedAsync(Source, [], Environment, _root))
        {
            await File.ReadAllBytesAsync(mount.PathOf("small/1/0001.jpg"));
            mount.Server.Kill();
            await mount.Server.WaitForExitAsync();
        }

        await DoneAsync("preload", Source, "small/2");
        CommandResult evicted = await FailsAsync(3, "31 files stayed, pinned", "evict", Source);
        Assert.StartsWith("30 files", evicted.Output, StringComparison.Ordinal);
        OriginCounters before = _origin.Counters;
        await DoneAsync("preload", Source, "small/1", "large/0.bin");
        Assert.Equal(0, (_origin.Counters - before).Gets);

        Assert.Equal("31 files unpinned\n", (await DoneAsync("unpin", Source)).Output);
        Assert.StartsWith("31 files", (await DoneAsync("evict", Source)).Output, StringComparison.Ordinal);
        before = _origin.Counters;
        await DoneAsync("preload", Source, "small/1", "large/0.bin");
        Assert.Equal((30 * SmallBytes) + LargeBytes, (_origin.Counters - before).BodyBytes);
    }

    [SkippableFact]
    public async Task Preload_OfAMountedDirectory_TakesSourceVersionAndCacheFromIt()
    {
        Requires.Fuse();
        string other = Path.Combine(_root, "other");
        Dictionary<string, string> bare = new(MountedSource.Environment(_root));
        await using MountedSource mount = await MountedSource.StartPinnedAsync(Source, ["--anonymous", "--endpoint-url", _proxy.Endpoint.ToString().TrimEnd('/'), "--no-cache"], bare, _root);
        _source.Delete(Bucket, "data/small/0/0000.jpg");
        OriginCounters before = _origin.Counters;
        CommandResult none = await Mlp.RunAsync(["preload", mount.Directory], bare);
        Assert.Equal(2, none.ExitCode);
        Assert.Contains("--no-cache", none.Error, StringComparison.Ordinal);
        CommandResult result = await Mlp.RunAsync(["preload", mount.PathOf("small"), "--no-cache=false", "--cache-dir", other, mount.PathOf("small/0"), "1/0001.jpg"], bare);

        // The deleted file is still part of the version that the mount shows.
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("small/0/0000.jpg: ", result.Error, StringComparison.Ordinal);
        Assert.Equal(30L * SmallBytes, (_origin.Counters - before).BodyBytes);
    }

    [Fact]
    public async Task Preload_MetadataOnly_FetchesNoBytes()
    {
        CommandResult result = await DoneAsync("preload", "--metadata-only", Source);
        Assert.StartsWith($"{Source}: 303 files", result.Output, StringComparison.Ordinal);
        Assert.Equal(0, _origin.Counters.Gets);
    }

    private static long Number(JsonDocument document, string key) => document.RootElement.GetProperty(key).GetInt64();

    private async Task<CommandResult> DoneAsync(params string[] arguments)
    {
        CommandResult result = await Mlp.RunAsync(arguments, Environment);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result;
    }

    private async Task<CommandResult> FailsAsync(int code, string says, params string[] arguments)
    {
        CommandResult result = await Mlp.RunAsync(arguments, Environment);
        Assert.True(result.ExitCode == code, result.ToString());
        Assert.Contains(says, result.Error, StringComparison.Ordinal);
        return result;
    }
}
