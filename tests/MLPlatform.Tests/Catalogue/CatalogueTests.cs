using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Catalogues;

public sealed class CatalogueTests : IDisposable
{
    private readonly CatalogueFixture _fixture = new();

    private Catalogue Catalogue => _fixture.Catalogue;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    [Promise("S9")]
    public async Task Add_Lists_AndShowsWhatItFound()
    {
        _fixture.Store().Put("a/1", 10);
        _fixture.Store().Put("a/2", 20);
        _fixture.Store().Put("bad//name", 1);
        DatasetSyncResult result = await _fixture.AddAsync("images");
        Assert.True(result.IsNewVersion);
        Assert.Equal((2, 0, 0, 0), (result.Added, result.Changed, result.Removed, result.Unchanged));
        Assert.Equal((2, 30, 1, 30), (result.Files, result.Bytes, result.Skipped, result.NewBytes));
        DatasetSummary summary = Assert.Single(Catalogue.List());
        Assert.Equal("images", summary.Name);
        Assert.Equal(result.Version, summary.Current!.Version);
        Assert.Equal("s3://b/x", Assert.Single(summary.Sources).Uri);
        using Manifest manifest = Catalogue.OpenManifest("images", result.Version);
        Assert.Equal("bad//name", Assert.Single(manifest.SkippedNames()).DisplayPath);
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(_fixture.Root, "datasets", "images"), "work*"));
    }

    [Fact]
    public async Task Add_WithoutListing_HasNoVersionYet()
    {
        _fixture.Store();
        Assert.Null(await Catalogue.AddAsync(CatalogueFixture.Define("later"), list: false, new DatasetBuildOptions(), default));
        Assert.Null(Catalogue.Current("later"));
        Assert.Null(Catalogue.Summary("later").Current);
        Assert.Contains("mlp dataset sync later", Assert.Throws<CacheException>(() => Catalogue.Resolve("later", null)).Message, StringComparison.Ordinal);
        await _fixture.SyncAsync("later");
        Assert.NotNull(Catalogue.Current("later"));
    }

    [Fact]
    public async Task Add_StoreThatCannotBeReached_LeavesNothing()
    {
        _fixture.Store().Fault = new CacheException(CacheError.NotFound, "Bucket b does not exist.");
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => _fixture.AddAsync("images"));
        Assert.Equal("Bucket b does not exist.", e.Message);
        Assert.Empty(Catalogue.Names());
    }

    [Fact]
    public async Task Add_NameTaken_SaysSo()
    {
        _fixture.Store();
        await _fixture.AddAsync("images");
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => _fixture.AddAsync("images"));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains("mlp dataset remove images", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Images", "'images' would do")]
    [InlineData("-x", "beginning with")]
    [InlineData("a/b", "cannot be")]
    [InlineData("", "cannot be")]
    public async Task Add_NameThatCannotBe_SaysWhatCan(string name, string hint)
    {
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => _fixture.AddAsync(name));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains(hint, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Promise("S14")]
    public async Task Add_SecretInsteadOfAReference_IsRefusedWithoutRepeatingIt()
    {
        DatasetDefinition definition = CatalogueFixture.Define("x") with { Sources = [new DatasetSource("", "s3://b/x", new StoreReference { Credentials = "AKIAxyz:verysecret" })] };
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => Catalogue.AddAsync(definition, true, new DatasetBuildOptions(), default));
        Assert.DoesNotContain("verysecret", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_SeveralStores_MakeOneTree()
    {
        _fixture.Store("s3://b/train").Put("1");
        _fixture.Store("s3://b/val").Put("2");
        await _fixture.AddAsync("both", "s3://b/train@/train", "s3://b/val@/split/val");
        using Manifest manifest = Catalogue.OpenManifest("both", Catalogue.Current("both")!.Value);
        Assert.True(manifest.TryFindPath("train/1"u8, out _));
        Assert.True(manifest.TryFindPath("split/val/2"u8, out _));
    }

    [Fact]
    public async Task Definition_StoreOptions_AreKeptByReferenceAndUsed()
    {
        _fixture.Store();
        var store = new StoreReference { EndpointUrl = "http://localhost:1", Region = "r", Credentials = "profile:p", PathStyle = true };
        await Catalogue.AddAsync(CatalogueFixture.Define("x") with { Sources = [new DatasetSource("", "s3://b/x", store)] }, false, new DatasetBuildOptions(), default);
        Assert.Equal(store, Catalogue.Definition("x").Sources[0].Store);
        await _fixture.SyncAsync("x");
        Assert.Equal("http://localhost:1", _fixture.LastOptions!.EndpointUrl);
        Assert.Equal("profile:p", _fixture.LastOptions.Credentials);
        await Catalogue.SyncAsync("x", new DatasetBuildOptions { Store = new UnderStoreOptions { Credentials = "env", EndpointUrl = "http://elsewhere" } }, default);
        Assert.Equal(("env", "http://localhost:1"), (_fixture.LastOptions.Credentials, _fixture.LastOptions.EndpointUrl));
    }

    [Fact]
    public async Task Sync_NothingChanged_MakesNoVersion()
    {
        _fixture.Store().Put("a");
        DatasetSyncResult first = await _fixture.AddAsync("x");
        DatasetSyncResult second = await _fixture.SyncAsync("x");
        Assert.False(second.IsNewVersion);
        Assert.Equal(first.Version, second.Version);
        Assert.Equal((0, 0, 0, 1), (second.Added, second.Changed, second.Removed, second.Unchanged));
        Assert.Single(Catalogue.Versions("x"));
    }

    [Fact]
    public async Task Sync_Changes_AreCountedAndUnchangedFilesKeepTheirNumbers()
    {
        foreach (string name in new[] { "same1", "same2", "changes", "goes" })
        {
            _fixture.Store().Put(name);
        }

        await _fixture.AddAsync("x");
        ulong same = NumberOf("x", "same1");
        ulong changes = NumberOf("x", "changes");
        ulong goes = NumberOf("x", "goes");
        _fixture.Store().Put("changes", 11);
        _fixture.Store().Delete("goes");
        _fixture.Store().Put("comes", 5);
        DatasetSyncResult result = await _fixture.SyncAsync("x");
        Assert.Equal((1, 1, 1, 2), (result.Added, result.Changed, result.Removed, result.Unchanged));
        Assert.Equal(16, result.NewBytes);
        Assert.Equal(same, NumberOf("x", "same1"));
        Assert.DoesNotContain(NumberOf("x", "changes"), new[] { same, changes, goes });
        Assert.DoesNotContain(NumberOf("x", "comes"), new[] { same, changes, goes });
        Assert.Equal(2, Catalogue.Versions("x").Count);
        Assert.True(Catalogue.Versions("x").Single(v => v.Version == result.Version).IsCurrent);
    }

    [Fact]
    public async Task Sync_StoreFails_TheVersionStays()
    {
        _fixture.Store().Put("a");
        DatasetSyncResult first = await _fixture.AddAsync("x");
        _fixture.Store().Fault = new CacheException(CacheError.Unreachable, "s3://b/x is down.");
        Assert.Equal(CacheError.Unreachable, (await Assert.ThrowsAsync<CacheException>(() => _fixture.SyncAsync("x"))).Error);
        Assert.Equal(first.Version, Catalogue.Current("x"));
        _fixture.Store().Fault = null;
        Assert.False((await _fixture.SyncAsync("x")).IsNewVersion);
    }

    [Fact]
    public async Task Sync_SomebodyElseIsAtIt_SaysWho()
    {
        _fixture.Store();
        await _fixture.AddAsync("x");
        using FileLock held = await Catalogue.FolderOf("x").LockAsync("a test", TimeSpan.Zero, default);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => Catalogue.SyncAsync("x", new DatasetBuildOptions { LockDeadline = TimeSpan.Zero }, default));
        Assert.Equal(CacheError.Busy, e.Error);
        Assert.Contains($"process {Environment.ProcessId} (a test)", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sync_OldVersions_ArePrunedButForTheMounted()
    {
        _fixture.Store();
        await Catalogue.AddAsync(CatalogueFixture.Define("x") with { KeepVersions = 2 }, true, new DatasetBuildOptions(), default);
        DatasetVersionId first = Catalogue.Current("x")!.Value;
        await using MountedDataset mounted = await _fixture.Opener.OpenAsync(_fixture.Parse("x"), new DatasetOpenOptions { Directory = "/mnt/x" }, default);
        var versions = new List<DatasetVersionId> { first };
        File.SetLastWriteTimeUtc(Catalogue.FolderOf("x").ManifestPath(first), DateTime.UtcNow.AddMinutes(-200));
        for (int i = 0; i < 4; i++)
        {
            _fixture.Store().Put($"f{i}");
            versions.Add((await _fixture.SyncAsync("x")).Version);
            File.SetLastWriteTimeUtc(Catalogue.FolderOf("x").ManifestPath(versions[^1]), DateTime.UtcNow.AddMinutes(i - 100));
        }

        Assert.Equal([first, versions[^1], versions[^2]], Catalogue.Versions("x").Select(v => v.Version).OrderBy(v => v == first ? 0 : v == versions[^1] ? 1 : 2));
        await mounted.DisposeAsync();
        _fixture.Store().Put("last");
        await _fixture.SyncAsync("x");
        Assert.DoesNotContain(first, Catalogue.Versions("x").Select(v => v.Version));
    }

    [Fact]
    public async Task Sync_PreviousVersionIsDamaged_ListsAnewAndReusesNoNumber()
    {
        _fixture.Store().Put("a");
        DatasetSyncResult first = await _fixture.AddAsync("x");
        ulong number = NumberOf("x", "a");
        string path = Catalogue.FolderOf("x").ManifestPath(first.Version);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[100] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.Contains("damaged", Catalogue.Summary("x").Problem, StringComparison.Ordinal);
        DatasetSyncResult second = await _fixture.SyncAsync("x");
        Assert.NotEqual(number, NumberOf("x", "a"));
        Assert.Equal(1, second.Files);
        Assert.Null(Catalogue.Summary("x").Problem);
    }

    [Fact]
    public async Task Remove_Mounted_IsRefusedUnlessForced()
    {
        _fixture.Store().Put("a");
        await _fixture.AddAsync("x");
        await using MountedDataset mounted = await _fixture.Opener.OpenAsync(_fixture.Parse("x"), new DatasetOpenOptions { Directory = "/mnt/x" }, default);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => Catalogue.RemoveAsync("x", force: false, TimeSpan.Zero, default));
        Assert.Equal(CacheError.Busy, e.Error);
        Assert.Contains("/mnt/x", e.Message, StringComparison.Ordinal);
        await Catalogue.RemoveAsync("x", force: true, TimeSpan.Zero, default);
        Assert.Empty(Catalogue.Names());
        Assert.Equal(TreeOutcome.Found, mounted.Tree.TryLookup(1, "a"u8, out _)); // It goes on with what it has.
    }

    [Fact]
    public async Task Remove_ThenAddAgain_StartsAfresh()
    {
        _fixture.Store().Put("a");
        await _fixture.AddAsync("x");
        await Catalogue.RemoveAsync("x", false, TimeSpan.Zero, default);
        Assert.Equal(CacheError.NotFound, Assert.Throws<CacheException>(() => Catalogue.Summary("x")).Error);
        await _fixture.AddAsync("x");
        Assert.Single(Catalogue.Versions("x"));
    }

    [Fact]
    public async Task Resolve_Version_ByWholeNameAndPrefix()
    {
        _fixture.Store().Put("a");
        DatasetVersionId version = (await _fixture.AddAsync("x")).Version;
        Assert.Equal(version, Catalogue.Resolve("x", null));
        Assert.Equal(version, Catalogue.Resolve("x", version.ToString()));
        Assert.Equal(version, Catalogue.Resolve("x", version.Hex[..6]));
        Assert.Equal(CacheError.NotFound, Assert.Throws<CacheException>(() => Catalogue.Resolve("x", "sha256:" + Other(version))).Error);
        Assert.Equal(CacheError.Configuration, Assert.Throws<CacheException>(() => Catalogue.Resolve("x", "sha256:zz")).Error);
        Assert.Contains("did you mean 'x1'", Assert.Throws<CacheException>(() => Renamed().Resolve("x2", null)).Message, StringComparison.Ordinal);

        Catalogue Renamed()
        {
            Directory.Move(Path.Combine(_fixture.Root, "datasets", "x"), Path.Combine(_fixture.Root, "datasets", "x1"));
            return Catalogue;
        }
    }

    [Theory]
    [InlineData("{", CacheError.Corrupt)]
    [InlineData("null", CacheError.Corrupt)]
    [InlineData("{\"format\": 9, \"name\": \"x\", \"sources\": []}", CacheError.Unsupported)]
    public async Task Definition_ThatCannotBeRead_IsNamedAndListedAsAProblem(string content, CacheError error)
    {
        _fixture.Store();
        await _fixture.AddAsync("x");
        string path = Path.Combine(_fixture.Root, "datasets", "x", "dataset.json");
        File.WriteAllText(path, content);
        CacheException e = Assert.Throws<CacheException>(() => Catalogue.Definition("x"));
        Assert.Equal(error, e.Error);
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Equal(e.Message, Assert.Single(Catalogue.List()).Problem);
        await Catalogue.RemoveAsync("x", false, TimeSpan.Zero, default);
    }

    [Fact]
    public void Current_ThatNamesNothing_SaysWhatToDo()
    {
        string folder = Path.Combine(_fixture.Root, "datasets", "x");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "dataset.json"), "{\"name\":\"x\",\"sources\":[]}");
        File.WriteAllText(Path.Combine(folder, "current"), "rubbish");
        CacheException e = Assert.Throws<CacheException>(() => Catalogue.Resolve("x", null));
        Assert.Equal(CacheError.Corrupt, e.Error);
        Assert.Contains("mlp dataset sync x", e.Message, StringComparison.Ordinal);
    }

    private static string Other(DatasetVersionId version) => version.Hex[0] == 'f' ? new string('0', 64) : new string('f', 64);

    private ulong NumberOf(string dataset, string path)
    {
        using Manifest manifest = Catalogue.OpenManifest(dataset, Catalogue.Current(dataset)!.Value);
        Assert.True(manifest.TryFindPath(Encoding.UTF8.GetBytes(path), out long row));
        return manifest.InodeOf(row);
    }
}
