using System.Text.Json;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>Promises of docs/SEMANTICS.md that other tests of mounts do not hold by the way.</summary>
[Trait("Published", "true")]
public sealed class PromisesTests
{
    private const string Bucket = "lab";

    [SkippableFact]
    [Promise("S9")]
    public async Task Names_ThatPosixCannotHold_AreLeftOutAndTheRestIsThere()
    {
        Requires.Fuse();
        MemorySource source = new(Bucket);
        string tooLong = new('n', 256);
        foreach (string key in new[] { "both", "both/inner", "a//b", "../up", "dir/./dot", $"dir/{tooLong}", "dir/ok", "space key", "plus+", "%2F", "ünïcode", "marker/", "marker/in" })
        {
            source.Add(Bucket, key, System.Text.Encoding.UTF8.GetBytes(key));
        }

        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        await using MountedSource mount = await MountedSource.StartAsync($"s3://{Bucket}", ["--endpoint-url", origin.Endpoint.ToString(), "--anonymous"]);
        string[] expected = ["both/inner", "dir/ok", "marker/in", "plus+", "space key", "%2F", "ünïcode"];
        for (int pass = 0; pass < 2; pass++)
        {
            Assert.Equal(
                expected.Order(StringComparer.Ordinal),
                Directory.GetFiles(mount.Directory, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(mount.Directory, path)).Order(StringComparer.Ordinal));
            Assert.All(expected, name => Assert.Equal(name, File.ReadAllText(mount.PathOf(name))));
            Assert.False(File.Exists(mount.PathOf($"dir/{tooLong}")));
            await mount.PinnedAsync(); // The same tree live and pinned.
        }
    }

    [SkippableFact]
    [Promise("S11")]
    public async Task Memory_OfManyReadersOnASmallBudget_StaysWithinItAndAllGoOn()
    {
        Requires.Fuse();
        const long Size = 64L << 20;
        SyntheticSource source = new(Bucket, directories: 0, filesPerDirectory: 16, objectBytes: Size, seed: 9);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        await using MountedSource mount = await MountedSource.StartPinnedAsync($"s3://{Bucket}", ["--endpoint-url", origin.Endpoint.ToString(), "--anonymous", "--memory", "64MiB"]);
        Task<int> readers = Task.Run(() =>
        {
            int wrong = 0;
            Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
            {
                using FileStream file = new(mount.PathOf(source.KeyAt(i)), FileMode.Open, FileAccess.Read, FileShare.Read, 1);
                byte[] buffer = new byte[1 << 20];
                long offset = 0;
                for (int got; (got = file.Read(buffer)) > 0; offset += got)
                {
                    if (SyntheticContent.FirstMismatch(9, source.KeyAt(i), offset, buffer.AsSpan(0, got)) >= 0)
                    {
                        Interlocked.Increment(ref wrong);
                    }
                }

                if (offset != Size)
                {
                    Interlocked.Increment(ref wrong);
                }
            });
            return wrong;
        });
        while (!readers.IsCompleted)
        {
            JsonElement statistics = await mount.StatisticsAsync();
            Assert.InRange(statistics.GetProperty("budget_used_bytes").GetInt64(), 0, 64L << 20);
            await Task.Delay(50);
        }

        Assert.Equal(0, await readers);
    }

    [SkippableFact]
    [Promise("S14")]
    public async Task Secrets_OfAMount_AppearNowhere()
    {
        Requires.Fuse();
        const string Secret = "s3cretS3cretS3cretS3cretS3cretS3cretS3cr";
        MemorySource source = new(Bucket);
        source.Add(Bucket, "file", [1, 2, 3]);
        await using LightOrigin origin = await LightOrigin.StartAsync(source, new LightOriginOptions { AccessKey = "AKIDTEST", SecretKey = Secret });
        Dictionary<string, string> environment = new() { ["AWS_ACCESS_KEY_ID"] = "AKIDTEST", ["AWS_SECRET_ACCESS_KEY"] = Secret, ["AWS_EC2_METADATA_DISABLED"] = "true" };
        await using (MountedSource mount = await MountedSource.StartAsync($"s3://{Bucket}", ["--endpoint-url", origin.Endpoint.ToString(), "--log-level", "debug"], environment))
        {
            Assert.Equal([1, 2, 3], File.ReadAllBytes(mount.PathOf("file")));
            Assert.DoesNotContain(mount.Log, line => line.Contains(Secret, StringComparison.Ordinal));
            Assert.DoesNotContain(Secret, File.ReadAllText($"/proc/{mount.Server.Id}/cmdline"), StringComparison.Ordinal);
            foreach (string name in new[] { "stats", "config", "version", "where/file" })
            {
                Assert.DoesNotContain(Secret, File.ReadAllText(mount.PathOf(".mlp/" + name)), StringComparison.Ordinal);
            }
        }

        string wrong = Secret[..^1] + "X";
        string root = Directory.CreateTempSubdirectory("mlp-secret-").FullName;
        string directory = Directory.CreateDirectory(Path.Combine(root, "mnt")).FullName;
        CommandResult result = await Mlp.RunAsync(
            ["mount", $"s3://{Bucket}", directory, "--endpoint-url", origin.Endpoint.ToString()],
            new Dictionary<string, string>(MountedSource.Environment(root)) { ["AWS_ACCESS_KEY_ID"] = "AKIDTEST", ["AWS_SECRET_ACCESS_KEY"] = wrong, ["AWS_EC2_METADATA_DISABLED"] = "true" });
        Assert.Equal(1, result.ExitCode);
        Assert.DoesNotContain(wrong, result.ToString(), StringComparison.Ordinal);
        Assert.Contains("secret", result.Error, StringComparison.OrdinalIgnoreCase);
        Directory.Delete(root, recursive: true);
    }

    [SkippableTheory]
    [InlineData("files")]
    [InlineData("shards")]
    [Promise("S2")]
    public async Task Follow_ANewVersion_ShowsItWithoutARemountAndNeverMixes(string profile)
    {
        Requires.Fuse();
        MemorySource source = new(Bucket);
        byte[] old = [.. Enumerable.Repeat((byte)'o', 3 << 20)];
        byte[] fresh = [.. Enumerable.Repeat((byte)'n', 3 << 20)];
        source.Add(Bucket, "changed", old);
        source.Add(Bucket, "same", old);
        source.Add(Bucket, "removed", old);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        string root = Directory.CreateTempSubdirectory("mlp-follow-").FullName;
        IReadOnlyDictionary<string, string> environment = MountedSource.Environment(root);
        CommandResult add = await Mlp.RunAsync(["dataset", "add", "followed", $"s3://{Bucket}", "--endpoint-url", origin.Endpoint.ToString(), "--anonymous"], environment);
        Assert.True(add.ExitCode == 0, add.ToString());
        await using (MountedSource mount = await MountedSource.StartAsync("followed", ["--follow", "--profile", profile], root: root))
        {
            await using FileStream open = new(mount.PathOf("changed"), FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            byte[] head = new byte[4096];
            open.ReadExactly(head);
            Assert.Equal(old, File.ReadAllBytes(mount.PathOf("same")));
            string inode = (await Command.ShellAsync($"stat -c %i {mount.PathOf("same")}")).Output;

            // The kernel takes back page cache that nobody has mapped whenever it likes (DAMON here within seconds), but mapped pages only when told to.
            using MappedFile same = new(mount.PathOf("same"));

            source.Add(Bucket, "changed", fresh);
            source.Add(Bucket, "added", fresh);
            source.Delete(Bucket, "removed");
            CommandResult sync = await Mlp.RunAsync(["dataset", "sync", "followed"], environment);
            Assert.True(sync.ExitCode == 0, sync.ToString());
            await Until(() => File.Exists(mount.PathOf("added")) && !File.Exists(mount.PathOf("removed")));

            Assert.Equal(fresh, File.ReadAllBytes(mount.PathOf("changed")));
            Assert.Equal(fresh, File.ReadAllBytes(mount.PathOf("added")));
            (long, long) before = await LookupsAndReadsAsync(mount);
            Assert.Equal(old, File.ReadAllBytes(mount.PathOf("same")));
            Assert.Equal(before, await LookupsAndReadsAsync(mount)); // Its name and its pages stayed.
            Assert.Equal(inode, (await Command.ShellAsync($"stat -c %i {mount.PathOf("same")}")).Output);

            // Who has the old version open gets its bytes or an error, never new ones.
            try
            {
                for (int got; (got = open.Read(head)) > 0;)
                {
                    Assert.All(head[..got], value => Assert.Equal((byte)'o', value));
                }
            }
            catch (IOException e)
            {
                Assert.Contains("tale", e.Message, StringComparison.Ordinal);
            }
        }

        Directory.Delete(root, recursive: true);
    }

    private static async Task<(long Lookups, long Reads)> LookupsAndReadsAsync(MountedSource mount)
    {
        JsonElement requests = (await mount.StatisticsAsync()).GetProperty("fuse_requests");
        return (requests.GetProperty("lookup").GetInt64(), requests.GetProperty("read").GetInt64());
    }

    private static async Task Until(Func<bool> condition)
    {
        for (int i = 0; i < 400 && !condition(); i++)
        {
            await Task.Delay(50);
        }

        Assert.True(condition());
    }
}
