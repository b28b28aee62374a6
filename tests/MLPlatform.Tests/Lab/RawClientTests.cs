using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Lab;

public sealed class RawClientTests
{
    private static readonly TreeSpec s_tree = new() { Files = 60, Classes = 3, MedianBytes = 20_000, Shards = 2, ShardBytes = 5_000_000 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Client_SignedOrNot_ReadsAndListsAll(bool signed)
    {
        MemorySource source = new("b");
        s_tree.AddTo(source, "b", "t/");
        await using LightOrigin origin = await LightOrigin.StartAsync(source, signed ? new LightOriginOptions { AccessKey = "AK", SecretKey = "SK", MaxPageKeys = 7 } : new LightOriginOptions());
        RawClient client = new(new RawClientOptions { Endpoint = origin.Endpoint, Bucket = "b", Connections = 4, PartBytes = 1 << 20, Signer = signed ? new S3Signer("AK", "SK") : null });
        List<(string Key, long Length)> keys = [];
        RawResult listed = await client.ListAsync("t/", (key, length) => keys.Add((key, length)));
        Assert.Equal(s_tree.Enumerate().Select(f => ("t/" + f.Path, f.Length)).OrderBy(f => f.Item1, KeyOrder.Instance), keys);
        Assert.Equal(signed ? 9 : 1, listed.Requests);

        RawResult small = await client.GetObjectsAsync([.. keys.Take(60).Select(k => k.Key)]);
        Assert.Equal(60, small.Objects);
        Assert.Equal(keys.Take(60).Sum(k => k.Length), small.Bytes);
        Assert.True(small is { WallSeconds: > 0, CpuSeconds: > 0 });

        RawResult large = await client.GetRangesAsync([.. keys.Skip(60)]);
        Assert.Equal((2, 10, 10_000_000), (large.Objects, large.Requests, large.Bytes));
    }

    [Fact]
    public async Task Client_MissingKey_Fails()
    {
        await using LightOrigin origin = await LightOrigin.StartAsync(new MemorySource("b"));
        RawClient client = new(new RawClientOptions { Endpoint = origin.Endpoint, Bucket = "b" });
        IOException failure = await Assert.ThrowsAsync<IOException>(() => client.GetObjectsAsync(["none"]));
        Assert.Contains("404", failure.Message);
    }

    [Fact]
    public async Task Uploader_ThenList_GivesTheSameTree()
    {
        MemorySource source = new();
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        using S3Lite store = new(origin.Endpoint);
        store.CreateBucket("up");
        (long files, long bytes) = await TreeUploader.UploadAsync(store, "up", "p/", s_tree);
        Assert.Equal((62, s_tree.Enumerate().Sum(f => f.Length)), (files, bytes));
        Assert.Equal(s_tree.Enumerate().Select(f => ("p/" + f.Path, f.Length)).OrderBy(f => f.Item1, KeyOrder.Instance), store.List("up", "p/"));
        foreach (TreeFile file in s_tree.Enumerate())
        {
            Assert.Equal(-1, s_tree.FirstMismatch(file.Path, 0, store.Get("up", "p/" + file.Path)));
        }
    }
}
