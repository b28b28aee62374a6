using System.Text.Json;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>Many files: nothing grows with their number but what is bounded.</summary>
public sealed class ManyFilesTests
{
    private const string Bucket = "many";

    [SkippableTheory]
    [InlineData("files", 200_000, 1)]
    [InlineData("shards", 20_000, 10)]
    [Promise("S12")]
    public async Task Descriptors_After200000FilesOpened_AreAsManyAsBefore(string profile, int files, int passes)
    {
        Requires.Fuse();
        SyntheticSource source = new(Bucket, directories: files / 1000, filesPerDirectory: 1000, objectBytes: 16);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        await using MountedSource mount = await MountedSource.StartPinnedAsync($"s3://{Bucket}", ["--endpoint-url", origin.Endpoint.ToString(), "--anonymous", "--profile", profile]);
        Open(mount, source, 2000);
        int before = Descriptors(mount);
        for (int pass = 0; pass < passes; pass++)
        {
            Open(mount, source, files);
        }

        // Idle connections to the store come and go; files would be thousands.
        Assert.InRange(Descriptors(mount), 1, before + 64);
    }

    [SkippableFact]
    [Promise("S10")]
    public async Task RawSource_OfAMillionKeys_AnswersLsWhileItsListingRuns()
    {
        Requires.Fuse();
        SyntheticSource source = new(Bucket, directories: 1000, filesPerDirectory: 1000, objectBytes: 16);
        await using LightOrigin origin = await LightOrigin.StartAsync(source);
        await using MountedSource mount = await MountedSource.StartAsync($"s3://{Bucket}", ["--endpoint-url", origin.Endpoint.ToString(), "--anonymous"]);
        Assert.Equal(1000, Directory.GetFileSystemEntries(mount.Directory).Length);
        string version = File.ReadAllText(mount.PathOf(".mlp/version"));
        Assert.Contains("mode: listing", version, StringComparison.Ordinal);

        // A file open across the switch stays the one it was.
        byte[] expected = File.ReadAllBytes(mount.PathOf(source.KeyAt(5)));
        ulong inode = Inode(mount, source.KeyAt(5));
        await mount.PinnedAsync();
        Assert.Equal(expected, File.ReadAllBytes(mount.PathOf(source.KeyAt(5))));
        Assert.Equal(inode, Inode(mount, source.KeyAt(5)));
        JsonElement dataset = (await mount.StatisticsAsync()).GetProperty("dataset");
        Assert.Equal(1_000_000, dataset.GetProperty("files").GetInt64());
        Assert.Equal(16_000_000, dataset.GetProperty("bytes").GetInt64());
    }

    private static void Open(MountedSource mount, SyntheticSource source, int files) =>
        Parallel.For(0, files, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(mount.PathOf(source.KeyAt(i)));
            if (i % 16 == 0)
            {
                Span<byte> bytes = stackalloc byte[16];
                Assert.Equal(16, RandomAccess.Read(file, bytes, 0));
            }
        });

    private static int Descriptors(MountedSource mount) => Directory.GetFileSystemEntries($"/proc/{mount.Server.Id}/fd").Length;

    private static ulong Inode(MountedSource mount, string key) => ulong.Parse(Command.ShellAsync($"stat -c %i {mount.PathOf(key)}").GetAwaiter().GetResult().Output.Trim());
}
