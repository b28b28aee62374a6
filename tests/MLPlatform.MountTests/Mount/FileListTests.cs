using System.Text;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>Datasets made of file lists, by the real program over the light origin.</summary>
[Trait("Published", "true")]
public sealed class FileListTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("mlp-list-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [SkippableFact]
    public async Task Add_ListFromAPipe_MountShowsThoseFilesAndOnlyThose()
    {
        Requires.Fuse();
        MemorySource source = new("lab");
        foreach (string key in (string[])["a/1", "a/2", "b/3", "c 4", "d"])
        {
            source.Add("lab", key, Encoding.UTF8.GetBytes($"bytes of {key}"));
        }

        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        string store = $"s3://lab --anonymous --endpoint-url {origin.Endpoint}";
        CommandResult added = await Command.ShellAsync($@"printf 'a/\0c 4\0d\0d\0' | {Mlp.ShellCommand} dataset add some {store} --files-from - --null", null, MountedSource.Environment(_root));
        Assert.True(added.ExitCode == 0, added.ToString());
        CommandResult missing = await Command.ShellAsync($@"printf 'd\nnot there\n' | {Mlp.ShellCommand} dataset add more {store} --files-from -", null, MountedSource.Environment(_root));
        Assert.Equal(1, missing.ExitCode);
        Assert.Contains("standard input", (await Command.ShellAsync($@"printf 'd\t1\n' | {Mlp.ShellCommand} dataset add more {store} --files-from -", null, MountedSource.Environment(_root))).Error, StringComparison.Ordinal);
        Assert.Contains("mlp: missing, line 2: not there\n", missing.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("more", (await Mlp.RunAsync(["dataset", "list"], MountedSource.Environment(_root))).Output, StringComparison.Ordinal);

        await using MountedSource mount = await MountedSource.StartAsync("some", [], root: _root);
        Assert.Equal(["a", "a/1", "a/2", "c 4", "d"], Directory.GetFileSystemEntries(mount.Directory, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(mount.Directory, path)).Order(StringComparer.Ordinal));
        Assert.Equal("bytes of a/2", File.ReadAllText(mount.PathOf("a/2")));
        Assert.Equal("bytes of c 4", File.ReadAllText(mount.PathOf("c 4")));
    }
}
