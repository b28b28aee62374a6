using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

/// <summary>Answers that real servers give rarely, byte for byte. What they do daily is in the contract suite.</summary>
public sealed class S3UnderStoreTests
{
    private const string Tag = "\"0123456789abcdef0123456789abcdef\"";
    private const string Empty = "<ListBucketResult></ListBucketResult>";

    private static readonly StoreObject s_ten = new("k"u8.ToArray(), 10, ObjectIdentity.FromETag(Tag));

    [Theory]
    [InlineData("HTTP/1.1 206 Partial\r\nContent-Length: 4\r\nContent-Range: bytes 3-6/10\r\nETag: " + Tag + "\r\n\r\n3456")]
    [InlineData("HTTP/1.1 206\r\ncontent-range:bytes 3-6/*\r\netag:0123456789abcdef0123456789abcdef\r\nTRANSFER-ENCODING: Chunked\r\n\r\n1\r\n3\r\n3;x=y\r\n456\r\n0\r\nTrailer: x\r\n\r\n")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial\r\nContent-Range: bytes 3-6/10\r\nConnection: close\r\n\r\n3456")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: " + Tag + "\r\n\r\n0123456789")]
    [InlineData("HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n0123456789")]
    public async Task Read_AnswersOfAllShapes_GiveTheRange(string answer)
    {
        await using ScriptedServer server = ScriptedServer.Of(answer);
        await using S3UnderStore store = Open(server);
        for (int i = 0; i < 3; i++)
        {
            ArraySink sink = new(4) { MaxBuffer = 3 };
            await store.ReadAsync(s_ten, 3, 4, sink, Limit());
            Assert.Equal("3456", Encoding.ASCII.GetString(sink.Data));
        }

        Assert.Equal(0, store.Counters.Errors);
        Assert.Equal(0, store.Connections.Busy);
        Assert.All(server.Requests, static r => Assert.Contains("\r\nIf-Match: " + Tag + "\r\n", r, StringComparison.Ordinal));
        bool keeps = !answer.Contains("200", StringComparison.Ordinal) && !answer.Contains("close", StringComparison.Ordinal);
        Assert.Equal(keeps ? 1 : 3, server.Connections);
    }

    [Fact]
    public async Task Read_ServerSendsLessThanAsked_AsksForTheRest()
    {
        await using ScriptedServer server = ScriptedServer.Of(
            $"HTTP/1.1 206 P\r\nContent-Length: 2\r\nContent-Range: bytes 0-1/10\r\nETag: {Tag}\r\n\r\n01",
            $"HTTP/1.1 206 P\r\nContent-Length: 8\r\nContent-Range: bytes 2-9/10\r\nETag: {Tag}\r\n\r\n23456789");
        await using S3UnderStore store = Open(server);
        ArraySink sink = new(10);
        await store.ReadAsync(s_ten, 0, 10, sink, Limit());
        Assert.Equal("0123456789", Encoding.ASCII.GetString(sink.Data));
        Assert.Contains("Range: bytes=2-9", server.Requests.Last(), StringComparison.Ordinal);
        Assert.Equal(0, store.Counters.Errors);
    }

    [Theory]
    [InlineData("HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 3-6/10\r\nETag: \"ffffffffffffffffffffffffffffffff\"\r\n\r\n3456")]
    [InlineData("HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 3-6/11\r\nETag: " + Tag + "\r\n\r\n3456")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 11\r\nETag: " + Tag + "\r\n\r\n01234567890")]
    [InlineData("HTTP/1.1 416 X\r\nContent-Length: 0\r\n\r\n")]
    public async Task Read_AnotherVersionSlipsIn_IsVersionChangedAndNoByteGoesToTheSink(string answer)
    {
        await using ScriptedServer server = ScriptedServer.Of(answer);
        await using S3UnderStore store = Open(server);
        ArraySink sink = new(4);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.ReadAsync(s_ten, 3, 4, sink, Limit()));
        Assert.Equal(CacheError.VersionChanged, e.Error);
        Assert.Equal(0, sink.Received);
    }

    [Theory]
    [InlineData("HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/10\r\nETag: " + Tag + "\r\n\r\n0123")]
    [InlineData("HTTP/1.1 206 P\r\nContent-Length: 4\r\nETag: " + Tag + "\r\n\r\n0123")]
    [InlineData("HTTP/1.1 206 P\r\nContent-Length: 5\r\nContent-Range: bytes 3-6/10\r\nETag: " + Tag + "\r\n\r\n34567")]
    [InlineData("HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 3-6/10\r\nConnection: close\r\n\r\n345")]
    [InlineData("HTTP/1.1 206 P\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 3-6/10\r\nConnection: close\r\n\r\n2\r\n34\r\n")]
    [InlineData("HTTP/1.1 206 P\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 3-6/10\r\n\r\nzz\r\n")]
    [InlineData("SSH-2.0-OpenSSH_9\r\n\r\n")]
    [InlineData("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")]
    public async Task Read_WrongAnswerOnce_IsTriedAgain(string answer)
    {
        await using ScriptedServer server = ScriptedServer.Of(answer, $"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: {Tag}\r\nConnection: close\r\n\r\n0123456789");
        await using S3UnderStore store = Open(server);
        ArraySink sink = new(10);
        await store.ReadAsync(s_ten, 3, 4, new ArraySink(4), Limit());
        await store.ReadAsync(s_ten, 0, 10, sink, Limit());
        Assert.Equal("0123456789", Encoding.ASCII.GetString(sink.Data));
        Assert.Equal((1, 1), (store.Counters.Errors, store.Counters.Retries));
    }

    [Fact]
    public async Task Read_ServerClosedAnIdleConnection_IsNoFailure()
    {
        int requests = 0;
        await using ScriptedServer server = new(async (_, stream, token) =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 206 P\r\nContent-Length: 1\r\nContent-Range: bytes 0-0/10\r\nETag: {Tag}\r\n\r\n0"), token);
            return Interlocked.Increment(ref requests) % 2 == 0; // Every other answer is the connection's last, without saying so.
        });
        await using S3UnderStore store = Open(server);
        for (int i = 0; i < 20; i++)
        {
            await store.ReadAsync(s_ten, 0, 1, new ArraySink(1), Limit());
        }

        Assert.Equal(0, store.Counters.Errors);
    }

    [Theory]
    [InlineData("HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-north-1\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 400 Bad\r\nContent-Length: 84\r\n\r\n<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error> ")]
    public async Task Region_ToldByTheServer_IsUsedFromThenOn(string redirect)
    {
        using KeyFile keys = new("AKID", "secret");
        await using ScriptedServer server = new(async (request, stream, token) =>
        {
            string answer = request.Contains("/eu-north-1/s3/", StringComparison.Ordinal) ? Xml(Empty) : redirect;
            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), token);
            return true;
        });
        await using S3UnderStore store = Open(server, new UnderStoreOptions { Credentials = keys.Reference });
        await store.CheckAsync(Limit());
        Assert.Equal("eu-north-1", store.Region);
        await store.CheckAsync(Limit());
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task Region_ThatLeadsInCircles_IsOneSentence()
    {
        int count = 0;
        await using ScriptedServer server = new(async (_, stream, token) =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: r-{Interlocked.Increment(ref count)}\r\nContent-Length: 0\r\n\r\n"), token);
            return true;
        });
        await using S3UnderStore store = Open(server);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(Limit()));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains("--region", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_RotatedInTheirFile_AreReadAgainWhenRefused()
    {
        using KeyFile keys = new("OLD", "secret");
        await using ScriptedServer server = new(async (request, stream, token) =>
        {
            string answer = request.Contains("Credential=NEW/", StringComparison.Ordinal) ? Xml(Empty) : "HTTP/1.1 403 No\r\nContent-Length: 46\r\n\r\n<Error><Code>InvalidAccessKeyId</Code></Error>";
            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), token);
            return true;
        });
        await using S3UnderStore store = Open(server, new UnderStoreOptions { Credentials = keys.Reference });
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(Limit()));
        Assert.Equal(CacheError.Unauthenticated, e.Error);
        keys.Write("NEW", "secret");
        await store.CheckAsync(Limit());
    }

    [Theory]
    [InlineData("env:x", CacheError.Configuration)]
    [InlineData("profile:", CacheError.Configuration)]
    [InlineData("AKIA:secret", CacheError.Configuration)]
    public void Credentials_UnknownReference_IsRefusedWithoutRepeatingIt(string reference, CacheError error)
    {
        CacheException e = Assert.Throws<CacheException>(() => UnderStoreFactory.Open("s3://b", new UnderStoreOptions { Credentials = reference, EndpointUrl = "http://x" }, TimeProvider.System, NullLoggerFactory.Instance));
        Assert.Equal(error, e.Error);
        Assert.DoesNotContain("secret:", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("AKIA", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file:/no/such/file", "cannot be read")]
    [InlineData("file:/dev/null", "lacks aws_access_key_id")]
    [InlineData("profile:no-such-profile-anywhere", "no profile 'no-such-profile-anywhere'")]
    public async Task Credentials_ThatAreNotThere_AreUnauthenticated(string reference, string part)
    {
        await using ScriptedServer server = ScriptedServer.Of(Xml(Empty));
        await using S3UnderStore store = Open(server, new UnderStoreOptions { Credentials = reference });
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(Limit()));
        Assert.Equal(CacheError.Unauthenticated, e.Error);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents></ListBucketResult>", "out of order")]
    [InlineData("<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>", "never comes to it")]
    [InlineData("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><Contents><Key>a</Key></Contents></ListBucketResult>", "never comes to it")]
    [InlineData("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "never comes to it")]
    [InlineData("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>", "never comes to it")]
    [InlineData("<html>Sign in</html>", "does not answer as S3 does")]
    public async Task List_ServerThatGetsNowhere_IsOneSentenceAndNoLoop(string xml, string part)
    {
        await using ScriptedServer server = ScriptedServer.Of(Xml(xml));
        await using S3UnderStore store = Open(server);
        await AssertFails(async () =>
        {
            await foreach (ListPage _ in store.ListUnitAsync(ListUnit.Everything, Limit()))
            {
            }
        });
        await AssertFails(async () =>
        {
            await foreach (IReadOnlyList<StoreEntry> _ in store.ListDirectoryAsync(default, Limit()))
            {
            }
        });
        Assert.InRange(server.Requests.Count, 2, 20);

        async Task AssertFails(Func<Task> list)
        {
            CacheException e = await Assert.ThrowsAsync<CacheException>(list);
            Assert.Equal(CacheError.Unsupported, e.Error);
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task List_KeyOutsideThePrefix_IsRefused()
    {
        await using ScriptedServer server = ScriptedServer.Of(Xml("<ListBucketResult><Contents><Key>elsewhere</Key></Contents></ListBucketResult>"));
        await using S3UnderStore store = Open(server, uri: "s3://bucket/prefix");
        CacheException e = await Assert.ThrowsAsync<CacheException>(async () =>
        {
            await foreach (ListPage _ in store.ListUnitAsync(ListUnit.Everything, Limit()))
            {
            }
        });
        Assert.Contains("holds 'elsewhere'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_DirectoryMarkers_AreDirectories()
    {
        await using ScriptedServer server = ScriptedServer.Of(Xml("<ListBucketResult><Contents><Key>p/</Key><Size>0</Size></Contents><Contents><Key>p/d/</Key><Size>0</Size></Contents><Contents><Key>p/e/</Key><Size>3</Size></Contents></ListBucketResult>"));
        await using S3UnderStore store = Open(server, uri: "s3://bucket/p/");
        List<string> found = [];
        await foreach (ListPage page in store.ListUnitAsync(ListUnit.Everything, Limit()))
        {
            found.AddRange(page.Entries.Select(static e => $"{e.Kind} {Encoding.UTF8.GetString(e.Path)}"));
        }

        Assert.Equal(["Directory d", "File e/"], found);
    }

    internal static string Xml(string body) => $"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {body.Length}\r\n\r\n{body}";

    internal static CancellationToken Limit() => new CancellationTokenSource(TimeSpan.FromMinutes(1)).Token;

    private static S3UnderStore Open(ScriptedServer server, UnderStoreOptions? options = null, string uri = "s3://bucket") =>
        (S3UnderStore)UnderStoreFactory.Open(uri, (options ?? new UnderStoreOptions { Anonymous = true }) with { EndpointUrl = server.Endpoint }, TimeProvider.System, NullLoggerFactory.Instance);
}
