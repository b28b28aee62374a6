using System.Text.Json;
using Xunit;

namespace MLPlatform.Tests.Cli;

/// <summary>The verbs of <c>mlp dataset</c> over a real catalogue in a folder of the test's own.</summary>
public sealed class DatasetVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("mlp-dataset-").FullName;
    private readonly Dictionary<string, string> _environment;

    public DatasetVerbTests()
    {
        _environment = new() { ["MLP_STATE_DIR"] = Path.Combine(_root, "state") };
        Directory.CreateDirectory(Path.Combine(_root, "source"));
        File.WriteAllText(Path.Combine(_root, "source", "one"), "1");
    }

    private string Source => Path.Combine(_root, "source");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Add_Sync_Versions_TellWhatChanged()
    {
        Assert.Matches("^numbers@sha256:[0-9a-f]{12}: 1 file, 1 B\n$", await DoneAsync("add", "numbers", Source));
        string first = Version(await DoneAsync("show", "numbers", "--json"));
        Assert.Matches(": unchanged, 1 file, 1 B\n$", await DoneAsync("sync", "numbers"));

        File.WriteAllText(Path.Combine(Source, "two"), "22");
        using JsonDocument synced = JsonDocument.Parse(await DoneAsync("sync", "numbers", "--json"));
        Assert.True(synced.RootElement.GetProperty("new").GetBoolean());
        Assert.Equal((1, 0, 0, 1), (Number(synced, "added"), Number(synced, "changed"), Number(synced, "removed"), Number(synced, "unchanged")));
        Assert.Equal(first, synced.RootElement.GetProperty("previous").GetString());

        using JsonDocument versions = JsonDocument.Parse(await DoneAsync("versions", "numbers", "--json"));
        Assert.Equal([synced.RootElement.GetProperty("version").GetString(), first], versions.RootElement.EnumerateArray().Select(static v => v.GetProperty("version").GetString()));
        Assert.Equal([true, false], versions.RootElement.EnumerateArray().Select(static v => v.GetProperty("current").GetBoolean()));

        // The first one is still there to be looked at, by the first digits of its name.
        Assert.Contains($"version:      {first}\nlisted:", await DoneAsync("show", $"numbers@{first[..15]}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_SeveralSources_MakeOneTree()
    {
        await DoneAsync("add", "both", $"{Source}@/a", $"{Source}@/b/c");
        using JsonDocument shown = JsonDocument.Parse(await DoneAsync("show", "both", "--json"));
        Assert.Equal(["/a", "/b/c"], shown.RootElement.GetProperty("sources").EnumerateArray().Select(static s => s.GetProperty("path").GetString()));
        Assert.Equal(2, shown.RootElement.GetProperty("current").GetProperty("files").GetInt64());
        Assert.Contains($"file://{Source}@/a file://{Source}@/b/c", await DoneAsync("list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_NoSync_WritesOnlyTheName()
    {
        (int code, string output, string error) = await RunAsync("add", "later", Source, "--no-sync");
        Assert.Equal((0, ""), (code, output));
        Assert.Contains("mlp dataset sync later", error, StringComparison.Ordinal);
        Assert.Contains("none yet", await DoneAsync("show", "later"), StringComparison.Ordinal);
        Assert.Matches("later +- +- +- +0 +file://", await DoneAsync("list"));
    }

    [Fact]
    public async Task Add_FilesFrom_TakesWhatTheListNamesAndSyncUsesItAgain()
    {
        Directory.CreateDirectory(Path.Combine(Source, "d", "e"));
        foreach (string name in (string[])["two", "d/three", "d/e/four"])
        {
            File.WriteAllText(Path.Combine(Source, name), name);
        }

        string list = Path.Combine(_root, "list");
        File.WriteAllText(list, "./one\nd/e\n\none\n");
        Assert.Matches(": 2 files, ", await DoneAsync("add", "some", Source, "--files-from", list));
        Assert.Contains("files from: ", await DoneAsync("show", "some"), StringComparison.Ordinal);
        File.Delete(list);
        File.WriteAllText(Path.Combine(Source, "five"), "5");
        Assert.Matches(": unchanged, 2 files, ", await DoneAsync("sync", "some"));
        File.WriteAllText(Path.Combine(Source, "d/e/six"), "6");
        Assert.Matches(": 1 added, 0 changed, 0 removed, 2 unchanged; now 3 files, ", await DoneAsync("sync", "some"));

        // One that is gone by now stops the sync, and the version stays.
        File.Delete(Path.Combine(Source, "one"));
        (int code, _, string error) = await RunAsync("sync", "some");
        Assert.Equal(1, code);
        Assert.Equal("mlp: missing, line 1: one\nmlp: missing, line 4: one\nmlp: 2 names of the file list are not in file://" + Source + ", the first in line 1: 'one'; nothing was changed.\n", error);
        Assert.Matches("\nfiles: +3\n", await DoneAsync("show", "some"));
    }

    [Fact]
    public async Task Add_IndexTar_ShowsMembersOfShardsAlsoFromAList()
    {
        byte[] tar = Manifests.Tars.Of(System.Formats.Tar.TarEntryFormat.Ustar, [("a", [1]), ("b", [2, 3])]);
        File.WriteAllBytes(Path.Combine(Source, "x.tar"), tar);
        File.WriteAllBytes(Path.Combine(Source, "y.tar"), tar);
        Assert.Matches(": 5 files, 7 B", await DoneAsync("add", "all", Source, "--index-tar"));
        Assert.Contains("tar shards: ", await DoneAsync("show", "all"), StringComparison.Ordinal);
        Assert.Matches(": unchanged, 5 files", await DoneAsync("sync", "all"));
        File.WriteAllText(Path.Combine(_root, "list"), "one\ny.tar\n");
        Assert.Matches(": 3 files, 4 B", await DoneAsync("add", "some", Source, "--index-tar", "--files-from", Path.Combine(_root, "list")));

        // An mlp that knows nothing of this must not list it in its own way.
        Assert.Contains("\"format\": 2", File.ReadAllText(Path.Combine(_root, "state", "datasets", "all", "dataset.json")), StringComparison.Ordinal);
        await DoneAsync("add", "plain", Source);
        Assert.Contains("\"format\": 1", File.ReadAllText(Path.Combine(_root, "state", "datasets", "plain", "dataset.json")), StringComparison.Ordinal);

        File.WriteAllBytes(Path.Combine(Source, "y.tar"), tar[..1300]);
        (int code, _, string error) = await RunAsync("sync", "all");
        Assert.Equal(1, code);
        Assert.Contains("y.tar is no sound tar: the file ends in the middle of a header, at byte ", Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "missing, line 2: gone\n", "one\ngone\n")]
    [InlineData(2, "list, line 2: 'one' has some columns and not all", "one\none\t5\n")]
    [InlineData(2, "list, line 2: 'two\uFFFDthree\uFFFD' holds a NUL byte; say --null", "one\ntwo\0three\0")]
    public async Task Add_FilesFromAWrongList_AddsNothing(int expected, string part, string list)
    {
        string path = Path.Combine(_root, "list");
        File.WriteAllText(path, list);
        (int code, string output, string error) = await RunAsync("add", "some", Source, "--files-from", path);
        Assert.Equal((expected, ""), (code, output));
        Assert.Contains(part, error, StringComparison.Ordinal);
        Assert.Equal("[]\n", await DoneAsync("list", "--json"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_root, "state", "datasets")));
    }

    [Fact]
    public async Task Add_FilesFromWithNull_TakesNamesThatHoldLineFeeds()
    {
        File.WriteAllText(Path.Combine(Source, "a\nb"), "x");
        File.WriteAllText(Path.Combine(_root, "list"), "a\nb\0");
        Assert.Matches(": 1 file, 1 B", await DoneAsync("add", "odd", Source, "--null", "--files-from", Path.Combine(_root, "list")));
        (int code, _, string error) = await RunAsync("add", "other", Source, "--null");
        Assert.Equal(2, code);
        Assert.Contains("give --files-from FILE with it", error, StringComparison.Ordinal);
        (code, _, error) = await RunAsync("add", "other", $"{Source}@/a", $"{Source}@/b", "--files-from", Path.Combine(_root, "list"));
        Assert.Equal(2, code);
        Assert.Contains("A file list is of one SOURCE", error, StringComparison.Ordinal);
        (code, _, error) = await RunAsync("add", "other", Source, "--files-from", Path.Combine(_root, "nowhere"));
        Assert.Equal(2, code);
        Assert.Contains("nowhere", Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_Skipped_ListsNamesWithTheirReasons()
    {
        await DoneAsync("add", "shadow", $"{Source}@/x", $"{Source}@/x/one");
        Assert.Equal("x/one\tanother store of the dataset is mounted there\n", await DoneAsync("show", "shadow", "--skipped"));
        using JsonDocument line = JsonDocument.Parse(await DoneAsync("show", "shadow", "--skipped", "--json"));
        Assert.Equal("x/one", line.RootElement.GetProperty("path").GetString());
    }

    [Fact]
    public async Task Remove_WithoutATerminal_AsksNothing()
    {
        await DoneAsync("add", "gone", Source);
        Assert.Equal("", await DoneAsync("remove", "gone"));
        (int code, _, string error) = await RunAsync("show", "gone");
        Assert.Equal(1, code);
        Assert.Contains("There is no dataset 'gone'", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "did you mean 'numbers'?", "sync", "number")]
    [InlineData(1, "has no version", "show", "numbers@ffff")]
    [InlineData(2, "There is a dataset 'numbers' already", "add", "numbers", "/tmp")]
    [InlineData(2, "cannot be a dataset's name", "add", "Numbers", "/tmp")]
    [InlineData(1, "", "add", "other", "/nonexistent/source")]
    [InlineData(2, "did you mean 'mlp dataset versions'?", "version", "numbers")]
    [InlineData(2, "SOURCE[@/PATH] is missing", "add", "other")]
    public async Task WrongThings_AreOneSentence(int expected, string part, params string[] arguments)
    {
        await DoneAsync("add", "numbers", Source);
        (int code, string output, string error) = await RunAsync(arguments);
        Assert.Equal((expected, ""), (code, output));
        Assert.Contains(part, error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Theory]
    [InlineData("truncated")]
    [InlineData("damaged")]
    public async Task DamagedManifest_IsNamedAndDoesNotStopTheOthers(string how)
    {
        await DoneAsync("add", "bad", Source);
        await DoneAsync("add", "good", Source);
        string manifest = Assert.Single(Directory.EnumerateFiles(Path.Combine(_root, "state", "datasets", "bad", "versions")));
        byte[] bytes = File.ReadAllBytes(manifest);
        bytes[^1] ^= 1;
        bytes[0] ^= 1;
        File.SetUnixFileMode(manifest, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllBytes(manifest, how == "truncated" ? bytes[..(bytes.Length / 2)] : bytes);

        (int code, string output, string error) = await RunAsync("list");
        Assert.Equal(0, code);
        Assert.Matches("good +sha256:", output);
        Assert.Contains("mlp: warning: bad:", error, StringComparison.Ordinal);

        // The stores can be listed again, and then all is well.
        await DoneAsync("sync", "bad");
        Assert.Equal("", (await RunAsync("list")).Error);
    }

    [Fact]
    public async Task Complete_KnowsDatasetsAndTheirVersions()
    {
        await DoneAsync("add", "numbers", Source);
        Assert.Contains("numbers\t", (await CliRun.RunAsync(["__complete", "--", "mount", "nu"], _environment)).Output, StringComparison.Ordinal);
        Assert.Contains("numbers\t", (await CliRun.RunAsync(["__complete", "--", "dataset", "sync", ""], _environment)).Output, StringComparison.Ordinal);
        Assert.Contains("numbers@sha256:", (await CliRun.RunAsync(["__complete", "--", "mount", "numbers@"], _environment)).Output, StringComparison.Ordinal);
    }

    private async Task<string> DoneAsync(params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync(arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {code} {error}");
        return output;
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) => CliRun.RunAsync(["dataset", .. arguments], _environment);

    private static string Version(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.GetProperty("current").GetProperty("version").GetString()!;
    }

    private static long Number(JsonDocument document, string key) => document.RootElement.GetProperty(key).GetInt64();
}
