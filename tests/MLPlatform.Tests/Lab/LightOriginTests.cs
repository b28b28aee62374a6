using System.Text;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Lab;

/// <summary>What only the light origin does; what it shares with real stores is in the contract that radosgw runs too.</summary>
public sealed class LightOriginTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("mlp-lab-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task List_ShortPages_StillGivesEachKeyOnce()
    {
        SyntheticSource source = new("b", directories: 7, filesPerDirectory: 50, objectBytes: 10);
        await using LightOrigin origin = await LightOrigin.StartAsync(source, new LightOriginOptions { ShortPages = true, MaxPageKeys = 20 });
        using S3Lite store = new(origin.Endpoint);
        Assert.Equal(Enumerable.Range(0, 350).Select(i => source.KeyAt(i)), store.List("b").Select(o => o.Key));
        Assert.True(origin.Counters.Lists > 350 / 20 + 5);
    }

    [Fact]
    public async Task Options_Oddities_ShowInHeaders()
    {
        MemorySource source = new("b");
        source.Add("b", "k", "hello"u8.ToArray(), etag: "abc-3");
        await using LightOrigin origin = await LightOrigin.StartAsync(source, new LightOriginOptions { UnquotedETags = true, OmitAcceptRanges = true, IgnoreRanges = true });
        using S3Lite store = new(origin.Endpoint);
        S3Response response = store.Send("GET", "/b/k", "", null, ("range", "bytes=1-2"));
        Assert.Equal((200, "hello", "abc-3"), (response.Status, response.Text, response.Headers["ETag"]));
        Assert.False(response.Headers.ContainsKey("Accept-Ranges"));
        Assert.Contains("<ETag>abc-3</ETag>", store.Send("GET", "/b", "list-type=2").Text);
    }

    [Fact]
    public async Task Get_ArchivedObject_IsRefusedByItsClass()
    {
        MemorySource source = new("b");
        source.Add("b", "k", [1], storageClass: "GLACIER");
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        using S3Lite store = new(origin.Endpoint);
        S3Response refused = store.Send("GET", "/b/k");
        Assert.Equal((403, "InvalidObjectState"), (refused.Status, refused.ErrorCode));
        Assert.Equal("GLACIER", store.Send("HEAD", "/b/k").Headers["x-amz-storage-class"]);
        Assert.Contains("<StorageClass>GLACIER</StorageClass>", store.Send("GET", "/b", "list-type=2").Text);
    }

    [Fact]
    public async Task Region_SignedForAnother_NamesTheRightOne()
    {
        await using LightOrigin origin = await LightOrigin.StartAsync(new MemorySource("b"), new LightOriginOptions { AccessKey = "AK", SecretKey = "SK", Region = "eu-west-1" });
        using S3Lite elsewhere = new(origin.Endpoint, new S3Signer("AK", "SK", "us-east-1"));
        S3Response refused = elsewhere.Send("GET", "/b", "list-type=2");
        Assert.Equal((400, "AuthorizationHeaderMalformed"), (refused.Status, refused.ErrorCode));
        Assert.Contains("<Region>eu-west-1</Region>", refused.Text);
        Assert.Equal("eu-west-1", elsewhere.Send("HEAD", "/b").Headers["x-amz-bucket-region"]);
        using S3Lite right = new(origin.Endpoint, new S3Signer("AK", "SK", "eu-west-1"));
        Assert.Contains(">eu-west-1</LocationConstraint>", right.Send("GET", "/b", "location").Text);
    }

    [Fact]
    public async Task Put_AwsChunked_StoresThePayload()
    {
        MemorySource source = new("b");
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        using S3Lite store = new(origin.Endpoint);
        byte[] framed = Encoding.ASCII.GetBytes("5;chunk-signature=00\r\nhello\r\n3\r\n!!!\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n");
        Assert.Equal(200, store.Send("PUT", "/b/k", "", new MemoryStream(framed), ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")).Status);
        Assert.Equal("hello!!!", Encoding.ASCII.GetString(store.Get("b", "k")));
        Assert.Equal("IncompleteBody", store.Send("PUT", "/b/k", "", new MemoryStream("5\r\nhe"u8.ToArray()), ("x-amz-content-sha256", "STREAMING-X")).ErrorCode);
    }

    [Fact]
    public async Task Directory_FilesAndChanges_AreServedAsTheyAre()
    {
        TreeSpec spec = new() { Files = 30, Classes = 3, MedianBytes = 5000, Shards = 1, ShardBytes = 1_500_000 };
        await TreeGenerator.WriteAsync(spec, _root);
        DirectorySource source = new("b", _root);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        using S3Lite store = new(origin.Endpoint);
        Assert.Equal(spec.Enumerate().Select(f => (f.Path, f.Length)).OrderBy(f => f.Path, KeyOrder.Instance), store.List("b"));
        foreach (TreeFile file in spec.Enumerate())
        {
            Assert.Equal(-1, spec.FirstMismatch(file.Path, 0, store.Get("b", file.Path)));
        }

        string key = spec.Enumerate().First().Path;
        string before = store.Send("HEAD", "/b/" + key).ETag;
        await File.WriteAllTextAsync(Path.Combine(_root, "new"), "replaced");
        File.Move(Path.Combine(_root, "new"), Path.Combine(_root, key), overwrite: true);
        Assert.NotEqual(before, store.Send("HEAD", "/b/" + key).ETag);
        Assert.Equal(412, store.Send("GET", "/b/" + key, "", null, ("if-match", before)).Status);

        store.Put("b", "up/loaded", [1, 2, 3]);
        Assert.Contains(("up/loaded", 3L), store.List("b", "up/"));
        Assert.Equal("InvalidArgument", store.Send("PUT", "/b/..%2Fescape", "", new MemoryStream([1])).ErrorCode);
        Assert.Equal(404, store.Send("GET", "/b/%2E%2E/etc/passwd").Status);
        Assert.Equal(404, store.Send("GET", "/b/up").Status);
        store.Delete("b", "up/loaded");
        Assert.Empty(store.List("b", "up/"));
    }

    [Fact]
    public async Task Synthetic_AnyKey_HoldsItsBytes()
    {
        SyntheticSource source = new("b", directories: 100, filesPerDirectory: 1000, objectBytes: 5_000_000_000, seed: 9, prefix: "p/");
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        using S3Lite store = new(origin.Endpoint);
        string key = source.KeyAt(54_321);
        Assert.Equal("p/d0054/f00321.bin", key);
        S3Response response = store.Send("GET", "/b/" + key, "", null, ("range", "bytes=4999999000-"));
        Assert.Equal(1000, response.Body.Length);
        Assert.Equal(-1, SyntheticContent.FirstMismatch(9, key, 4_999_999_000, response.Body));
        foreach (string none in (string[])["p/d0054/f01000.bin", "p/d0100/f00000.bin", "p/d0054/f00321.bim", "p/d0054/f0032", "p/d00", "d0054/f00321.bin", "p/d0054/f00321.bin2", "p/d0054/f+0321.bin"])
        {
            Assert.Equal(404, store.Send("GET", "/b/" + none).Status);
        }

        Assert.All(Enumerable.Range(0, 2000), i => Assert.NotNull(source.Find("b", source.KeyAt(i * 50))));
        Assert.Equal("InvalidArgument", store.Send("PUT", "/b/x", "", new MemoryStream([1])).ErrorCode);
    }

    [Fact]
    public async Task Counters_OfEachKind_Count()
    {
        MemorySource source = new("b");
        source.AddSynthetic("b", "k", 100_000);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        using S3Lite store = new(origin.Endpoint);
        OriginCounters before = origin.Counters;
        store.Get("b", "k");
        store.Send("HEAD", "/b/k");
        store.Send("GET", "/b/none");
        store.Put("b", "x", [1]);
        store.Delete("b", "x");
        Assert.Single(store.List("b"));
        Assert.Equal(new OriginCounters(Gets: 2, Heads: 1, Lists: 1, Puts: 1, Others: 1, Errors: 1, BodyBytes: 100_000), origin.Counters - before);
    }

    [Fact]
    public async Task Path_DotSegmentsAndEscapes_StayPartOfTheKey()
    {
        MemorySource source = new("b");
        source.Add("b", "../a//b/./c%2F+ d", "x"u8.ToArray());
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        using S3Lite store = new(origin.Endpoint);
        Assert.Equal("x"u8.ToArray(), store.Get("b", "../a//b/./c%2F+ d"));
    }
}
