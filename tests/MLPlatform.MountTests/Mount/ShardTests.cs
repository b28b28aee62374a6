using System.Diagnostics;
using System.Formats.Tar;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>Members of tar shards as files of a real mount, from the light origin and from a directory.</summary>
[Trait("Published", "true")]
public sealed class ShardTests : IDisposable
{
    private const string Bucket = "lab";

    private readonly string _root = Directory.CreateTempSubdirectory("mlp-shards-").FullName;

    public ShardTests()
    {
        // What a shard would be unpacked to: small and large members, some across the 8 MiB of a part, some empty.
        Random random = new(20_251_126);
        foreach (int shard in (int[])[0, 1, 2])
        {
            for (int i = 0; i < 120; i++)
            {
                byte[] content = new byte[i switch { 7 => 0, 11 => (9 << 20) + 13, _ => random.Next(1, 60_000) }];
                random.NextBytes(content);
                string path = Path.Combine(Originals, $"train/{shard:d4}.tar/{(i % 4 == 0 ? "deep/er/" : "")}{i:d6}.{(i % 2 == 0 ? "jpg" : "json")}");
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllBytes(path, content);
            }
        }

        File.WriteAllText(Path.Combine(Originals, "train/readme"), "not a shard\n");
    }

    private string Originals => Path.Combine(_root, "originals");

    private string Packed => Path.Combine(_root, "packed");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [SkippableTheory]
    [InlineData("s3", "files")]
    [InlineData("s3", "shards")]
    [InlineData("file", "files")]
    [InlineData("file", "shards")]
    [Promise("S15")]
    public async Task IndexTar_OfEachFormat_MountHoldsTheMembersBytes(string scheme, string profile)
    {
        Requires.Fuse();
        Pack();
        MemorySource source = new(Bucket);
        foreach (string file in Directory.GetFiles(Packed, "*", SearchOption.AllDirectories))
        {
            source.Add(Bucket, Path.GetRelativePath(Packed, file), File.ReadAllBytes(file));
        }

        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        await DatasetAsync(["add", "data", .. scheme == "s3" ? new[] { $"s3://{Bucket}", "--anonymous", "--endpoint-url", origin.Endpoint.ToString() } : [Packed], "--index-tar"]);
        await using MountedSource mount = await MountedSource.StartAsync("data", ["--profile", profile], root: _root);
        SortedDictionary<string, string> expected = TreeHash.Of(Originals, 1);
        TreeHash.AssertEqual(expected, TreeHash.Of(mount.Directory, 4));
        TreeHash.AssertEqual(expected, TreeHash.Of(mount.Directory, 1));
        string where = File.ReadAllText(mount.PathOf(".mlp/where/train/0001.tar/000001.json"));
        Assert.Contains("/train/0001.tar\n", where, StringComparison.Ordinal);
        Assert.Contains("\noffset: ", where, StringComparison.Ordinal);
        Assert.Equal(new FileInfo(Path.Combine(Originals, "train/0000.tar/000011.json")).Length, new FileInfo(mount.PathOf("train/0000.tar/000011.json")).Length);
    }

    [SkippableTheory]
    [InlineData("s3")]
    [InlineData("file")]
    [Promise("S15")]
    public async Task IndexTar_ShardIsReplaced_ItsMembersGiveEstaleAndTheOthersGoOn(string scheme)
    {
        Requires.Fuse();
        Pack();
        MemorySource source = new(Bucket);
        foreach (string file in Directory.GetFiles(Packed, "*", SearchOption.AllDirectories))
        {
            source.Add(Bucket, Path.GetRelativePath(Packed, file), File.ReadAllBytes(file));
        }

        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        await DatasetAsync(["add", "data", .. scheme == "s3" ? new[] { $"s3://{Bucket}", "--anonymous", "--endpoint-url", origin.Endpoint.ToString() } : [Packed], "--index-tar"]);
        await using MountedSource mount = await MountedSource.StartAsync("data", [], root: _root);
        string other = Path.Combine(_root, "other.tar");
        byte[] bytes = File.ReadAllBytes(Path.Combine(Packed, "train/0002.tar"));
        bytes[2000] ^= 1; // The same length, another version.
        File.WriteAllBytes(other, bytes);
        File.Move(other, Path.Combine(Packed, "train/0002.tar"), overwrite: true);
        source.Add(Bucket, "train/0002.tar", bytes);

        CommandResult read = await Command.ShellAsync($"cat {mount.PathOf("train/0002.tar/000001.json")}");
        Assert.Equal(1, read.ExitCode);
        Assert.Contains("Stale file handle", read.Error, StringComparison.Ordinal);
        Stopwatch clock = Stopwatch.StartNew();
        while (!mount.Log.Any(static line => line.Contains("train/0002.tar", StringComparison.Ordinal) && line.Contains("mlp dataset sync", StringComparison.Ordinal)))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), "The log does not name the shard.");
            await Task.Delay(20); // Its lines come through a pipe.
        }

        Assert.Equal(File.ReadAllBytes(Path.Combine(Originals, "train/0001.tar/000001.json")), File.ReadAllBytes(mount.PathOf("train/0001.tar/000001.json")));
    }

    private void Pack()
    {
        Directory.CreateDirectory(Path.Combine(Packed, "train"));
        File.Copy(Path.Combine(Originals, "train/readme"), Path.Combine(Packed, "train/readme"));
        TarEntryFormat[] formats = [TarEntryFormat.Ustar, TarEntryFormat.Gnu, TarEntryFormat.Pax];
        for (int shard = 0; shard < formats.Length; shard++)
        {
            string root = Path.Combine(Originals, $"train/{shard:d4}.tar");
            using FileStream stream = File.Create(Path.Combine(Packed, $"train/{shard:d4}.tar"));
            using TarWriter writer = new(stream, formats[shard]);
            foreach (string file in Directory.GetFiles(root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                writer.WriteEntry(file, Path.GetRelativePath(root, file));
            }
        }
    }

    private async Task DatasetAsync(string[] arguments)
    {
        CommandResult result = await Mlp.RunAsync(["dataset", .. arguments], MountedSource.Environment(_root));
        Assert.True(result.ExitCode == 0, result.Error);
    }
}
