using System.Text.Json;
using MLPlatform.Lab;
using MLPlatform.MountTests.Lab;
using MLPlatform.MountTests.Support;
using Xunit;
using Xunit.Abstractions;

namespace MLPlatform.MountTests.Cache;

/// <summary>
/// Real images on a real S3 server through a mount with a cache directory: SHA-256 of every file cold, warm, from disk after SIGKILL and a new mount without one
/// GET, and with the server out of reach.
/// </summary>
[Collection(RadosGatewayFixture.Collection)]
[Trait("Published", "true")]
[Trait("Bulk", "true")] // Minutes of reading: once a run, on the published binary where there is one.
public sealed class RealInputTests(RadosGatewayFixture server, ITestOutputHelper output)
{
    private const string Clipart = "/usr/share/openclipart/png";
    private const int Readers = 8;

    // Uploading all 70,000 takes minutes: the long form does.
    private static readonly int s_images = Environment.GetEnvironmentVariable("MLP_TEST_FULL") == "1" ? int.MaxValue : 2000;

    [SkippableFact]
    [Promise("S1")]
    public Task FashionMnist_ThroughTheCache_EqualsTheOriginals()
    {
        Skip.If(FashionMnist.SkipReason is not null, FashionMnist.SkipReason);
        return RunAsync("fashion-mnist", FashionMnist.Get(DataCache.Default, s_images));
    }

    [SkippableFact]
    [Promise("S1")]
    public Task Openclipart_ThroughTheCache_EqualsTheOriginals()
    {
        Skip.IfNot(Directory.Exists(Clipart), "needs openclipart-png: apt-get install openclipart-png");
        return RunAsync("cached-clipart", Clipart);
    }

    private async Task RunAsync(string bucket, string original)
    {
        Requires.Fuse();
        SortedDictionary<string, string> expected = TreeHash.Of(original, 2);
        long bytes = Directory.EnumerateFiles(original, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        using (S3Lite store = server.Gateway.Connect())
        {
            store.CreateBucket(bucket);
            await TreeUploader.UploadAsync(store, bucket, "", original, Readers);
        }

        await using FaultProxy proxy = await FaultProxy.StartAsync(server.Gateway.Endpoint);
        string root = Directory.CreateTempSubdirectory("mlp-real-").FullName;
        Dictionary<string, string> environment = new()
        {
            ["AWS_ACCESS_KEY_ID"] = server.Gateway.AccessKey,
            ["AWS_SECRET_ACCESS_KEY"] = server.Gateway.SecretKey,
        };
        string[] options = ["--endpoint-url", proxy.Endpoint.ToString(), "--cache-dir", Path.Combine(root, "disk"), "--cache-size", "4GiB", "--min-free", "0"];
        await using (MountedSource cold = await MountedSource.StartPinnedAsync($"s3://{bucket}", options, environment, root))
        {
            TreeHash.AssertEqual(expected, TreeHash.Of(cold.Directory, Readers));
            ProxyCounters read = proxy.Counters;
            TreeHash.AssertEqual(expected, TreeHash.Of(cold.Directory, Readers));
            Assert.Equal(0, (proxy.Counters - read).Gets);
            await cold.UntilAsync("cached_bytes.disk", bytes);
            JsonElement statistics = await cold.StatisticsAsync();
            long disk = statistics.GetProperty("cache_disk_bytes").GetInt64();
            output.WriteLine($"{bucket}: {expected.Count} files, {bytes} bytes; {disk} bytes on disk, {(double)disk / bytes:0.000} of the payload");
            Assert.Equal(expected.Count, statistics.GetProperty("cached_files").GetInt64());
            await cold.KillAsync();
        }

        ProxyCounters before = proxy.Counters;
        await using (MountedSource warm = await MountedSource.StartPinnedAsync($"s3://{bucket}", options, environment, root))
        {
            TreeHash.AssertEqual(expected, TreeHash.Of(warm.Directory, Readers));
            Assert.Equal(0, (proxy.Counters - before).Gets);

            // Without a page of the mount left, only the disk can answer.
            proxy.StopListening();
            foreach (string file in expected.Keys)
            {
                using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(warm.PathOf(file));
                PageCache.Forget(handle);
            }

            TreeHash.AssertEqual(expected, TreeHash.Of(warm.Directory, Readers));
            Assert.Equal(0, (await warm.StatisticsAsync()).GetProperty("checksum_failures").GetInt64());
        }

        Directory.Delete(root, recursive: true);
    }
}
