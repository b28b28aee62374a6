using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Catalogues;

public sealed class SourceReferenceTests : IDisposable
{
    private readonly CatalogueFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData("s3://b/p", "s3://b/p")]
    [InlineData("s3://b/odd@key", "s3://b/odd@key")]
    [InlineData("file:///data", "file:///data")]
    [InlineData("hdfs://nn:8020/x", "hdfs://nn:8020/x")]
    [InlineData("/data", "/data")]
    public void Parse_UriOrAbsolutePath_IsAStore(string text, string uri)
    {
        SourceReference source = _fixture.Parse(text);
        Assert.False(source.IsDataset);
        Assert.Equal(uri, source.Uri);
    }

    [Fact]
    public async Task Parse_Word_IsADatasetBeforeADirectory()
    {
        _fixture.Store();
        await _fixture.AddAsync("images");
        Directory.CreateDirectory(Path.Combine(_fixture.Root, "images"));
        Directory.CreateDirectory(Path.Combine(_fixture.Root, "other"));
        SourceReference dataset = _fixture.Parse("images");
        Assert.Equal("images", dataset.Dataset);
        Assert.Contains("'./images' would be the directory", dataset.Note, StringComparison.Ordinal);
        Assert.False(_fixture.Parse("./images").IsDataset);
        Assert.Equal(Path.Combine(_fixture.Root, "other"), _fixture.Parse("other").Uri);
        Assert.Null(_fixture.Parse("other").Note);
    }

    [Fact]
    public async Task Parse_Version_IsTakenOff()
    {
        _fixture.Store();
        await _fixture.AddAsync("images");
        Assert.Equal(("images", "sha256:abcd"), (_fixture.Parse("images@sha256:abcd").Dataset, _fixture.Parse("images@sha256:abcd").Version));
        Assert.Equal("abcd", _fixture.Parse("images@abcd").Version);
        CacheException e = Assert.Throws<CacheException>(() => _fixture.Parse("images@latest"));
        Assert.Contains("mlp dataset versions images", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parse_WordThatIsNothing_NamesTheNearestDataset()
    {
        CacheException none = Assert.Throws<CacheException>(() => _fixture.Parse("imagse"));
        Assert.Equal(CacheError.NotFound, none.Error);
        Assert.Contains("mlp dataset add imagse SOURCE", none.Message, StringComparison.Ordinal);
        _fixture.Store();
        await _fixture.AddAsync("images");
        Assert.Contains("did you mean 'images'?", Assert.Throws<CacheException>(() => _fixture.Parse("imagse")).Message, StringComparison.Ordinal);
        Assert.Equal(CacheError.Configuration, Assert.Throws<CacheException>(() => _fixture.Parse("")).Error);
    }

    [Theory]
    [InlineData("s3://b/x", "s3://b/x", "")]
    [InlineData("s3://b/x@/train", "s3://b/x", "train")]
    [InlineData("s3://b/x@/a/b/", "s3://b/x", "a/b")]
    [InlineData("s3://b/odd@key", "s3://b/odd@key", "")]
    [InlineData("s3://b/odd@/key@/", "s3://b/odd@/key", "")]
    [InlineData("s3://b/odd@/key@/val", "s3://b/odd@/key", "val")]
    [InlineData("data@/train", "/here/data", "train")]
    public void Source_WithPath_TheLastDividerCounts(string text, string uri, string path)
    {
        DatasetSource source = DatasetSource.Parse(text, new StoreReference(), "/here");
        Assert.Equal((uri, path), (source.Uri, source.Path));
    }

    [Theory]
    [InlineData("s3://b@/a/../b")]
    [InlineData("s3://b@/a//b")]
    [InlineData("@/a")]
    public void Source_WithPathThatCannotBe_IsRefused(string text) =>
        Assert.Equal(CacheError.Configuration, Assert.Throws<CacheException>(() => DatasetSource.Parse(text, new StoreReference(), "/")).Error);

    [Fact]
    public void StateDirectory_IsWhereTheVariableSays()
    {
        // The other branches depend on who runs the test.
        string before = Environment.GetEnvironmentVariable(StateDirectory.Variable) ?? "";
        Environment.SetEnvironmentVariable(StateDirectory.Variable, "/somewhere");
        Assert.Equal("/somewhere", StateDirectory.Default());
        Environment.SetEnvironmentVariable(StateDirectory.Variable, before);
        Assert.True(Path.IsPathRooted(StateDirectory.Default()));
    }
}
