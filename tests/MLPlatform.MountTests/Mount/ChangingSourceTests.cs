using System.Diagnostics;
using System.Text;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>Stores that change under a mount: shown by --live, by version with --follow.</summary>
[Trait("Published", "true")]
public sealed class ChangingSourceTests : IDisposable
{
    private const string Bucket = "lab";

    private readonly MemorySource _source = new(Bucket);
    private readonly string _root = Directory.CreateTempSubdirectory("mlp-changing-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [SkippableFact]
    public async Task Live_KeysComeChangeAndGo_AreSeenWithinTheTtl()
    {
        Requires.Fuse();
        Put("d/stays", "1");
        Put("d/goes", "2");
        Put("d/changes", "old");
        await using LightOrigin origin = await LightOrigin.StartAsync(_source);
        await using MountedSource mount = await MountedSource.StartAsync($"s3://{Bucket}", ["--endpoint-url", origin.Endpoint.ToString(), "--anonymous", "--live", "--metadata-ttl", "200ms"]);
        Assert.Equal(["changes", "goes", "stays"], Names(mount));
        Assert.False(File.Exists(mount.PathOf("d/comes")));
        Assert.Equal("old", File.ReadAllText(mount.PathOf("d/changes")));
        Put("d/comes", "new");
        Put("d/changes", "and longer now");
        _source.Delete(Bucket, "d/goes");
        await EventuallyAsync(() => Names(mount).SequenceEqual(["changes", "comes", "stays"]));
        await EventuallyAsync(() => File.ReadAllText(mount.PathOf("d/changes")) == "and longer now");
        await EventuallyAsync(() => File.Exists(mount.PathOf("d/comes")) && !File.Exists(mount.PathOf("d/goes")));
        Assert.Contains("mode: live", File.ReadAllText(mount.PathOf(".mlp/version")), StringComparison.Ordinal);
    }

    [SkippableFact]
    [Promise("S2")]
    public async Task Follow_VersionIsSynced_NamesMoveAndOpenFilesDoNot()
    {
        Requires.Fuse();
        Put("d/same", "1");
        Put("d/goes", "2");
        Put("d/changes", "old");
        await using LightOrigin origin = await LightOrigin.StartAsync(_source);
        string[] store = ["--endpoint-url", origin.Endpoint.ToString(), "--anonymous"];
        await DatasetAsync(["add", "data", $"s3://{Bucket}", .. store]);
        await using MountedSource mount = await MountedSource.StartAsync("data", ["--follow"], root: _root);
        await using MountedSource pinned = await SecondAsync();
        Assert.Equal("old", File.ReadAllText(mount.PathOf("d/changes")));
        Assert.Equal("1", File.ReadAllText(mount.PathOf("d/same")));
        using FileStream open = File.OpenRead(mount.PathOf("d/changes"));
        using FileStream unread = File.OpenRead(mount.PathOf("d/goes"));
        Put("d/changes", "and longer now");
        Put("d/comes", "3");
        _source.Delete(Bucket, "d/goes");
        await DatasetAsync(["sync", "data"]);
        await EventuallyAsync(() => Names(mount).SequenceEqual(["changes", "comes", "same"]));
        Assert.Equal("and longer now", File.ReadAllText(mount.PathOf("d/changes")));
        Assert.Equal("1", File.ReadAllText(mount.PathOf("d/same")));

        // Who has the old version open reads it on, or hears that it is gone; never the new one.
        byte[] buffer = new byte[100];
        Assert.Equal(3, open.Length);
        try
        {
            Assert.Equal("old", Encoding.UTF8.GetString(buffer, 0, open.Read(buffer)));
        }
        catch (IOException e) // Where the kernel took the page back meanwhile, and the store has the new object only.
        {
            Assert.Contains("tale", e.Message, StringComparison.Ordinal);
        }

        Assert.ThrowsAny<IOException>(() => { unread.ReadExactly(buffer, 0, 1); });

        // The other mount did not move.
        Assert.Equal(["changes", "goes", "same"], Names(pinned));
        Assert.ThrowsAny<IOException>(() => File.ReadAllText(pinned.PathOf("d/changes")));
    }

    private Task<MountedSource> SecondAsync()
    {
        string second = Directory.CreateDirectory(Path.Combine(_root, "second")).FullName;
        return MountedSource.StartAsync("data", [], new Dictionary<string, string> { ["MLP_STATE_DIR"] = Path.Combine(_root, "state") }, second);
    }

    private async Task DatasetAsync(string[] arguments)
    {
        CommandResult result = await Mlp.RunAsync(["dataset", .. arguments], MountedSource.Environment(_root));
        Assert.True(result.ExitCode == 0, result.Error);
    }

    private static string[] Names(MountedSource mount) =>
        [.. Directory.GetFileSystemEntries(mount.PathOf("d")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), "The mount does not show the change.");
            await Task.Delay(50);
        }
    }

    private void Put(string key, string content) => _source.Add(Bucket, key, Encoding.UTF8.GetBytes(content));
}
