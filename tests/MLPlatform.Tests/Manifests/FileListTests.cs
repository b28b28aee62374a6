using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Manifests;

/// <summary>File lists: their records, and what becomes of them.</summary>
public sealed class FileListTests : IDisposable
{
    private readonly ManifestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Reader_ChunksOfAnySize_GiveTheSameRecords()
    {
        byte[] text = [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes("one\r\n\ntwo words\n" + new string('x', 60_000) + "\nlast")];
        foreach (int chunk in (int[])[1, 3, 1000, 1 << 20])
        {
            Assert.Equal([(1, "one"), (2, ""), (3, "two words"), (4, new string('x', 60_000)), (5, "last")], await ReadAsync(new Trickle(text, chunk), isNullSeparated: false));
        }

        Assert.Equal([(1, "a\nb\r"), (2, "c")], await ReadAsync(new Trickle("a\nb\r\0c\0"u8.ToArray(), 2), isNullSeparated: true));
        Assert.Empty(await ReadAsync(new MemoryStream(), isNullSeparated: false));
    }

    [Theory]
    [InlineData("a\nb\0c\n", "list, line 2: 'b\uFFFDc' holds a NUL byte; say --null")]
    [InlineData("a\n{long}", "list, line 2: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' is longer than 65536 bytes; say --null")]
    public async Task Reader_OfWrongSeparators_SaysWhichOptionIsMissing(string text, string expected)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text.Replace("{long}", new string('x', 200_000), StringComparison.Ordinal));
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => ReadAsync(new MemoryStream(bytes), isNullSeparated: false));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a/b", "a/b", null, 0)]
    [InlineData("./a/b/", "a/b", null, 0)]
    [InlineData("././a", "a", null, 0)]
    [InlineData(".", "", null, 0)]
    [InlineData("./", "", null, 0)]
    [InlineData("/a", "/a", null, 0)]
    [InlineData("tab\tin\tit\t\t\t", "tab\tin\tit", null, 0)]
    [InlineData("a\t5\t\"0123456789abcdef0123456789abcdef\"\t1700000000", "a", "etag 0123456789abcdef0123456789abcdef", 1_700_000_000_000_000_000)]
    [InlineData("a\tb\t5\tx-1\t1700000000.0000000015", "a\tb", "etag x-1", 1_700_000_000_000_000_001)]
    [InlineData("a\t5\tx\t2023-11-14T22:13:20.123Z", "a", "etag x", 1_700_000_000_123_000_000)]
    [InlineData("a\t5\tx\t2023-11-14T22:13:20+00:00", "a", "etag x", 1_700_000_000_000_000_000)]
    [InlineData("a\t5\tx\t", "a", null, 0)]
    [InlineData("a\t5\t\t1", "a", null, 0)]
    public void Parse_OfARecord_KnowsWhatTheColumnsSay(string record, string path, string? identity, long mtime)
    {
        FileListRecord parsed = FileListRecord.Parse(Encoding.UTF8.GetBytes(record), 7, "list")!;
        Assert.Equal((7, path), (parsed.Line, Encoding.UTF8.GetString(parsed.Path)));
        Assert.Equal(identity, parsed.Known?.Identity.ToString());
        if (parsed.Known is { } known)
        {
            Assert.Equal((5, mtime, StoreEntryKind.File), (known.Size, known.MtimeNanoseconds, known.Kind));
        }
    }

    [Theory]
    [InlineData("a/b\t5\tx", "list, line 7: 'a/b' has some columns and not all")]
    [InlineData("a/b\t5,0\tx\t1", "list, line 7: 'a/b' has no number of bytes but '5,0'")]
    [InlineData("a/b\t-5\tx\t1", "list, line 7: 'a/b' has no number of bytes but '-5'")]
    [InlineData("a/b\t99999999999999999999\tx\t1", "list, line 7: 'a/b' has no number of bytes")]
    [InlineData("a/b\t5\tx\tyesterday", "list, line 7: 'a/b' has no time but 'yesterday'")]
    [InlineData("a/b\t5\tx\t99999999999", "list, line 7: 'a/b' has no time")]
    public void Parse_OfAWrongRecord_NamesLineAndPath(string record, string expected)
    {
        CacheException e = Assert.Throws<CacheException>(() => FileListRecord.Parse(Encoding.UTF8.GetBytes(record), 7, "list"));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_FilesDirectoriesDuplicatesAndImpossibleNames_GiveWhatAListingWould()
    {
        StoreEntry[] entries = [.. new[] { "top", "d/1", "d/e/2", "d/e/3", "other/4", "bad//name" }.Select(path => ManifestFolder.FileEntry(path))];
        var store = new PagedStore(entries, byDirectory: true);
        using Manifest manifest = await BuildAsync(store, "top\n./d/\ntop\nd/e/2\nbad//name\n../up\n", new MissingFiles());
        Assert.Equal(["d", "d/1", "d/e", "d/e/2", "d/e/3", "top"], Paths(manifest));
        Assert.Equal([("../up", SkipReason.DotDotComponent), ("bad//name", SkipReason.EmptyComponent)], manifest.SkippedNames().Select(s => (s.DisplayPath, s.Reason)));
    }

    [Fact]
    public async Task Add_RecordsWithColumns_AskTheStoreForNothing()
    {
        var store = new PagedStore([], byDirectory: true);
        string list = string.Concat(Enumerable.Range(0, 2500).Select(i => $"d{i % 7}/f{i}\t{i}\t{i:x32}\t1700000000\n"));
        using Manifest manifest = await BuildAsync(store, list, new MissingFiles());
        Assert.Equal((2500, 2500L * 2499 / 2), (manifest.Files, manifest.Bytes));
        Assert.True(manifest.TryFindPath("d3/f3"u8, out long row));
        Assert.Equal(ObjectIdentity.FromETag($"{3:x32}"), manifest.IdentityOf(row));
    }

    [Fact]
    public async Task Add_FilesThatTheStoreLacks_AreAllNamed()
    {
        var store = new PagedStore([ManifestFolder.FileEntry("here")], byDirectory: true);
        MissingFiles missing = new();
        string list = "here\n\n" + string.Concat(Enumerable.Range(0, 150).Select(i => $"gone{i}\n"));
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => BuildAsync(store, list, missing));
        Assert.Equal(CacheError.NotFound, e.Error);
        Assert.Equal("150 names of list are not in s3://bucket/data, the first in line 3: 'gone0'; nothing was changed.", e.Message);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => ((long)i + 3, $"gone{i}")), missing.Names);
    }

    private async Task<Manifest> BuildAsync(PagedStore store, string list, MissingFiles missing)
    {
        await using ManifestBuilder builder = ManifestBuilder.Open(_folder.Options());
        using MemoryStream stream = new(Encoding.UTF8.GetBytes(list));
        await FileListLister.AddAsync(builder, 0, store, new FileListReader(stream, false, "list"), "list", missing, new TreeListerOptions(), CancellationToken.None);
        return Manifest.Open((await builder.FinishAsync(_folder.Versions, CancellationToken.None)).Path);
    }

    private static List<string> Paths(Manifest manifest) =>
        [.. Enumerable.Range(1, (int)manifest.RowCount - 1).Select(row => Encoding.UTF8.GetString(manifest.PathOf(row))).Order(StringComparer.Ordinal)];

    private static async Task<List<(long Line, string Record)>> ReadAsync(Stream stream, bool isNullSeparated)
    {
        FileListReader reader = new(stream, isNullSeparated, "list");
        List<(long, string)> records = [];
        while (await reader.MoveNextAsync(CancellationToken.None))
        {
            records.Add((reader.Line, Encoding.UTF8.GetString(reader.Record)));
        }

        return records;
    }

    /// <summary>Gives a few bytes at a time, as pipes do.</summary>
    private sealed class Trickle(byte[] bytes, int chunk) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => base.ReadAsync(buffer[..Math.Min(buffer.Length, chunk)], cancellationToken);
    }
}
