using System.Globalization;
using System.Text;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.MountTests.Lab;

/// <summary>What an S3 server answers to the requests that readers send. The light origin and radosgw run the same assertions.</summary>
public abstract class OriginContract : IAsyncLifetime
{
    private const int BigBytes = 300_000;

    // In the order in which S3 lists them: that of their UTF-8 bytes.
    private static readonly string[] s_keys =
    [
        "../up", "a.txt", "big", "dbl//slash", "dir/", "dir/one", "dir/sub/three", "dir/two", "empty", "pct%2Fkey", "plus+sign",
        "sp ace", "x&y<z>\"q'", "zz/a", "zz/b", "~tilde", "ünï/çøde", "\uE000private", "😀emoji",
    ];

    private S3Lite _store = null!;
    private string _bucket = null!;

    public async Task InitializeAsync()
    {
        if (await OpenAsync() is not { } opened)
        {
            return;
        }

        (_store, _bucket) = opened;
        foreach (string key in s_keys)
        {
            Stream content = key == "big" ? new SyntheticStream(1, "big", BigBytes) : new MemoryStream(key is "empty" or "dir/" ? [] : Encoding.UTF8.GetBytes(key));
            _store.Put(_bucket, key, content);
        }
    }

    public async Task DisposeAsync()
    {
        _store?.Dispose();
        await CloseAsync();
    }

    [SkippableFact]
    public void List_NoParameters_GivesAllKeysInUtf8Order()
    {
        S3Listing page = List("list-type=2");
        Assert.Equal(s_keys, page.Keys);
        Assert.Empty(page.Prefixes);
        Assert.Equal((s_keys.Length, false, 1000), (page.KeyCount, page.IsTruncated, page.MaxKeys));
        Assert.Null(page.NextToken);
        Assert.Equal(BigBytes, page.Sizes[Array.IndexOf(s_keys, "big")]);
        Assert.All(page.ETags, etag => Assert.Matches("^\"[0-9a-f]{32}\"$", etag));
    }

    [SkippableTheory]
    [InlineData("", "/", "a.txt big empty plus+sign x&y<z>\"q' ~tilde \uE000private 😀emoji pct%2Fkey sp\u0020ace", "../ dbl/ dir/ zz/ ünï/")]
    [InlineData("dir/", "/", "dir/ dir/one dir/two", "dir/sub/")]
    [InlineData("dir", "/", "", "dir/")]
    [InlineData("dir/o", "/", "dir/one", "")]
    [InlineData("dbl/", "/", "", "dbl//")]
    [InlineData("none/", "/", "", "")]
    [InlineData("dir/", "", "dir/ dir/one dir/sub/three dir/two", "")]
    [InlineData("ünï/", "/", "ünï/çøde", "")]
    [InlineData("", "r/", "../up a.txt big dbl//slash empty plus+sign x&y<z>\"q' zz/a zz/b ~tilde \uE000private 😀emoji ünï/çøde pct%2Fkey sp\u0020ace", "dir/")]
    public void List_PrefixAndDelimiter_RollsUp(string prefix, string delimiter, string keys, string prefixes)
    {
        S3Listing page = List($"list-type=2&prefix={Escape(prefix)}&delimiter={Escape(delimiter)}");
        string[] expected = [.. keys.Replace("sp ace", "sp\0ace", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(k => k.Replace('\0', ' ')).Order(KeyOrder.Instance)];
        Assert.Equal(expected, page.Keys);
        Assert.Equal(prefixes.Split(' ', StringSplitOptions.RemoveEmptyEntries), page.Prefixes);
        Assert.Equal(page.Keys.Length + page.Prefixes.Length, page.KeyCount);
    }

    [SkippableTheory]
    [InlineData(1, "")]
    [InlineData(3, "")]
    [InlineData(1, "/")]
    [InlineData(2, "/")]
    [InlineData(7, "/")]
    public void List_InPages_GivesEachEntryOnce(int maxKeys, string delimiter)
    {
        S3Listing whole = List($"list-type=2&delimiter={Escape(delimiter)}");
        List<string> keys = [];
        List<string> prefixes = [];
        string token = "";
        int pages = 0;
        S3Listing page;
        do
        {
            page = List($"list-type=2&max-keys={maxKeys}&delimiter={Escape(delimiter)}{(token.Length == 0 ? "" : "&continuation-token=" + Escape(token))}");
            Assert.InRange(page.KeyCount!.Value, 1, maxKeys);
            keys.AddRange(page.Keys);
            prefixes.AddRange(page.Prefixes);
            Assert.Equal(page.IsTruncated, page.NextToken is not null);
            token = page.NextToken ?? "";
            Assert.True(++pages <= s_keys.Length);
        }
        while (page.IsTruncated);
        Assert.Equal(whole.Keys, keys);
        Assert.Equal(whole.Prefixes, prefixes);
        Assert.Equal((whole.KeyCount!.Value + maxKeys - 1) / maxKeys, pages);
    }

    [SkippableTheory]
    [InlineData("dir/one", "dir/sub/three")]
    [InlineData("dir/o", "dir/one")]
    [InlineData("zz/b", "~tilde")]
    [InlineData("😀emoji", null)]
    public void List_StartAfter_BeginsBehindIt(string after, string? first)
    {
        S3Listing page = List($"list-type=2&start-after={Escape(after)}");
        Assert.Equal(first is null ? [] : s_keys[Array.IndexOf(s_keys, first)..], page.Keys);
    }

    [SkippableFact]
    public void List_StartAfterInsideACommonPrefix_SkipsIt()
    {
        S3Listing page = List("list-type=2&delimiter=%2F&start-after=" + Escape("dir/one"));
        Assert.Equal(["zz/", "ünï/"], page.Prefixes);
        Assert.Equal("empty", page.Keys[0]);
    }

    [SkippableFact]
    public void List_EncodingTypeUrl_EscapesNamesSoThatTheyComeBack()
    {
        S3Response response = Send("GET", Bucket, "list-type=2&encoding-type=url");
        S3Listing page = S3Listing.Parse(response);
        Assert.Contains("<EncodingType>url</EncodingType>", response.Text, StringComparison.Ordinal);
        Assert.Equal(s_keys, page.Keys.Select(k => S3Escape.Unescape(k, plusIsSpace: true)));
        Assert.Contains("plus%2Bsign", page.Keys); // Slashes: S3 leaves them, radosgw escapes them.
        Assert.Contains("pct%252Fkey", page.Keys);
        Assert.DoesNotContain(page.Keys, k => k.Any(c => c > '~'));
    }

    [SkippableFact]
    public void List_MaxKeysZero_IsEmptyAndNotTruncated()
    {
        S3Listing page = List("list-type=2&max-keys=0");
        Assert.Empty(page.Keys);
        Assert.False(page.IsTruncated);
    }

    [SkippableFact]
    public void Get_EveryKey_GivesItsBytes()
    {
        foreach (string key in s_keys)
        {
            S3Response response = Send("GET", PathOf(key));
            Assert.Equal(200, response.Status);
            Assert.Equal(key is "empty" or "dir/" or "big" ? response.Body : Encoding.UTF8.GetBytes(key), response.Body);
            Assert.Equal(response.Body.Length.ToString(CultureInfo.InvariantCulture), response.Headers["Content-Length"]);
        }

        Assert.Equal(-1, SyntheticContent.FirstMismatch(1, "big", 0, Send("GET", PathOf("big")).Body));
    }

    [SkippableTheory]
    [InlineData("bytes=0-0", 206, 0, 1)]
    [InlineData("bytes=100-199", 206, 100, 100)]
    [InlineData("bytes=299999-", 206, 299_999, 1)]
    [InlineData("bytes=299999-999999999", 206, 299_999, 1)]
    [InlineData("bytes=-7", 206, 299_993, 7)]
    [InlineData("bytes=-999999", 206, 0, 300_000)]
    [InlineData("bytes=300000-", 416, 0, 0)]
    [InlineData("bytes=300000-300001", 416, 0, 0)]
    public void Get_Range_GivesThoseBytes(string range, int status, int offset, int length)
    {
        S3Response response = Send("GET", PathOf("big"), "", ("range", range));
        Assert.Equal(status, response.Status);
        if (status == 416)
        {
            Assert.Equal("InvalidRange", response.ErrorCode);
            return;
        }

        Assert.Equal(length, response.Body.Length);
        Assert.Equal($"bytes {offset}-{offset + length - 1}/{BigBytes}", response.Headers["Content-Range"]);
        Assert.Equal(-1, SyntheticContent.FirstMismatch(1, "big", offset, response.Body));
    }

    [SkippableFact]
    public void Get_RangeOfAnEmptyObject_CannotBeSatisfied() =>
        Assert.Equal(416, Send("GET", PathOf("empty"), "", ("range", "bytes=0-0")).Status);

    [SkippableFact]
    public void Head_Object_DescribesIt()
    {
        S3Response head = Send("HEAD", PathOf("big"));
        S3Response get = Send("GET", PathOf("big"));
        Assert.Equal(200, head.Status);
        Assert.Equal("300000", head.Headers["Content-Length"]);
        Assert.Equal("bytes", head.Headers["Accept-Ranges"]);
        Assert.Equal(get.Headers["ETag"], head.Headers["ETag"]);
        Assert.Equal(get.Headers["Last-Modified"], head.Headers["Last-Modified"]);
        Assert.Matches("^\"[0-9a-f]{32}\"$", head.Headers["ETag"]);
        Assert.True(DateTimeOffset.TryParseExact(head.Headers["Last-Modified"], "R", CultureInfo.InvariantCulture, DateTimeStyles.None, out _));
        Assert.Empty(head.Body);
    }

    [SkippableTheory]
    [InlineData("if-match", true, 200)]
    [InlineData("if-match", false, 412)]
    [InlineData("if-none-match", true, 304)]
    [InlineData("if-none-match", false, 200)]
    public void Get_Conditions_Decide(string header, bool matching, int status)
    {
        string etag = matching ? Send("HEAD", PathOf("a.txt")).Headers["ETag"] : "\"00000000000000000000000000000000\"";
        S3Response response = Send("GET", PathOf("a.txt"), "", (header, etag));
        Assert.Equal(status, response.Status);
        Assert.Equal(status == 412 ? "PreconditionFailed" : "", response.ErrorCode);
    }

    [SkippableFact]
    public void Get_IfMatchWithRange_GuardsTheRange()
    {
        string etag = Send("HEAD", PathOf("big")).Headers["ETag"];
        Assert.Equal(206, Send("GET", PathOf("big"), "", ("if-match", etag), ("range", "bytes=0-9")).Status);
        _store.Put(_bucket, "big", Encoding.ASCII.GetBytes("replaced meanwhile"));
        S3Response refused = Send("GET", PathOf("big"), "", ("if-match", etag), ("range", "bytes=0-9"));
        Assert.Equal((412, "PreconditionFailed"), (refused.Status, refused.ErrorCode));
    }

    [SkippableFact]
    public void Missing_Things_AreToldApart()
    {
        S3Response key = Send("GET", PathOf("no/such"));
        Assert.Equal((404, "NoSuchKey"), (key.Status, key.ErrorCode));
        S3Response bucket = Send("GET", "/no-such-bucket-here/k");
        Assert.Equal((404, "NoSuchBucket"), (bucket.Status, bucket.ErrorCode));
        S3Response list = Send("GET", "/no-such-bucket-here", "list-type=2");
        Assert.Equal((404, "NoSuchBucket"), (list.Status, list.ErrorCode));
        Assert.Equal(404, Send("HEAD", PathOf("no/such")).Status);
        Assert.Equal(404, Send("HEAD", "/no-such-bucket-here").Status);
        Assert.Equal(200, Send("HEAD", Bucket).Status);
    }

    [SkippableFact]
    public void Put_ThenDelete_ShowsAndVanishes()
    {
        string etag = _store.Put(_bucket, "new", Encoding.ASCII.GetBytes("hello"));
        Assert.Equal("5d41402abc4b2a76b9719d911017c592", etag);
        Assert.Equal("hello", Encoding.ASCII.GetString(_store.Get(_bucket, "new")));
        _store.Delete(_bucket, "new");
        Assert.Equal(404, Send("GET", PathOf("new")).Status);
        _store.Delete(_bucket, "new");
    }

    [SkippableFact]
    public void Signature_WrongSecretOrKey_IsRefused()
    {
        S3Signer good = _store.Signer!;
        using S3Lite wrongSecret = new(_store.Endpoint, new S3Signer(good.AccessKey, "wrong"));
        S3Response refused = wrongSecret.Send("GET", Bucket, "list-type=2");
        Assert.Equal((403, "SignatureDoesNotMatch"), (refused.Status, refused.ErrorCode));
        using S3Lite wrongKey = new(_store.Endpoint, new S3Signer("NOBODY", "wrong"));
        refused = wrongKey.Send("GET", Bucket, "list-type=2");
        Assert.Equal((403, "InvalidAccessKeyId"), (refused.Status, refused.ErrorCode));
        using S3Lite anonymous = new(_store.Endpoint);
        refused = anonymous.Send("GET", Bucket, "list-type=2");
        Assert.Equal((403, "AccessDenied"), (refused.Status, refused.ErrorCode));
    }

    /// <returns>Null where the server cannot be had; <see cref="RequireStore"/> then skips.</returns>
    protected abstract Task<(S3Lite Store, string Bucket)?> OpenAsync();

    protected abstract Task CloseAsync();

    protected abstract void RequireStore();

    private string Bucket => "/" + _bucket;

    private static string Escape(string text) => S3Escape.Escape(text, keepSlash: false);

    private string PathOf(string key) => S3Lite.PathOf(_bucket, key);

    private S3Listing List(string query)
    {
        S3Response response = Send("GET", _bucket is null ? "" : Bucket, query);
        Assert.Equal(200, response.Status);
        return S3Listing.Parse(response);
    }

    private S3Response Send(string method, string path, string query = "", params (string, string)[] headers)
    {
        RequireStore();
        return _store.Send(method, path, query, null, headers);
    }
}
