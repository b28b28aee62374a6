using MLPlatform.Lab;
using MLPlatform.MountTests.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>Debian's openclipart on a real S3 server: every byte by every way of reading.</summary>
[Collection(RadosGatewayFixture.Collection)]
[Trait("Published", "true")]
[Trait("Bulk", "true")] // Minutes of reading: once a run, on the published binary where there is one.
public sealed class RealDataTests(RadosGatewayFixture server)
{
    private const string Clipart = "/usr/share/openclipart/png";
    private const string Bucket = "openclipart";

    private static readonly Lazy<SortedDictionary<string, string>> s_expected = new(() => TreeHash.Of(Clipart, 2));
    private static readonly SemaphoreSlim s_uploading = new(1);
    private static bool s_uploaded;

    [SkippableTheory]
    [InlineData("files", 1)]
    [InlineData("files", 16)]
    [InlineData("shards", 1)]
    [InlineData("shards", 16)]
    [Promise("S1")]
    public async Task Openclipart_ReadColdAndWarm_EqualsTheOriginals(string profile, int threads)
    {
        await using MountedSource mount = await StartAsync("--profile", profile);
        TreeHash.AssertEqual(s_expected.Value, TreeHash.Of(mount.Directory, threads));
        long gets = await GetsAsync(mount);
        TreeHash.AssertEqual(s_expected.Value, TreeHash.Of(mount.Directory, threads));

        // The second pass is the page cache's, less what the kernel took back meanwhile (DAMON does so without need).
        Assert.InRange(await GetsAsync(mount) - gets, 0, s_expected.Value.Count / 4);
        Assert.InRange(gets, s_expected.Value.Count / 2, s_expected.Value.Count * 1.02);
    }

    [SkippableTheory]
    [InlineData("files")]
    [InlineData("shards")]
    public async Task Openclipart_ByTools_EqualsTheOriginals(string profile)
    {
        Requires.Program("rsync", "rsync");
        await using MountedSource mount = await StartAsync("--profile", profile);
        string scratch = Directory.CreateTempSubdirectory("mlp-tools-").FullName;
        CommandResult result = await Command.ShellAsync(
            $"""
            cp -r {mount.Directory} {scratch}/copy
            diff -rq --no-dereference {scratch}/copy {mount.Directory}
            tar -C {mount.Directory} -cf - . | tar -C {scratch} --one-top-level=tar -xf -
            diff -rq {scratch}/tar {scratch}/copy
            test -z "$(rsync -rc --dry-run --out-format=%n {scratch}/copy/ {mount.Directory}/)"
            test "$(cd {mount.Directory} && find . -type f | wc -l)" = {s_expected.Value.Count}
            """,
            TimeSpan.FromMinutes(5));
        Assert.True(result.ExitCode == 0, result.ToString());
        TreeHash.AssertEqual(s_expected.Value, TreeHash.Of(Path.Combine(scratch, "copy"), 2));
        Directory.Delete(scratch, recursive: true);
    }

    [SkippableFact]
    public async Task Openclipart_Rootless_EqualsTheOriginals()
    {
        Requires.Root(); // To become somebody else, and to bind a device node that one may open.
        Requires.Program("fusermount3", "fuse3");
        await UploadAsync();
        string root = Directory.CreateTempSubdirectory("mlp-rootless-").FullName;
        Directory.CreateDirectory(Path.Combine(root, "mnt"));
        Directory.CreateDirectory(Path.Combine(root, "run"));
        string script = $"""
            chown -R 65534:65534 {root}; chmod 755 {root}
            mknod {root}/fuse c 10 229; chmod 666 {root}/fuse
            mount --bind {root}/fuse /dev/fuse
            cat > {root}/inner <<'INNER'
            set -eu
            {Mlp.ShellCommand} mount s3://{Bucket} {root}/mnt --endpoint-url {server.Gateway.Endpoint}
            cd {root}/mnt; find . -type f -print0 | xargs -0 sha256sum | sort -k2 > {root}/sums
            cd /; {Mlp.ShellCommand} umount {root}/mnt
            INNER
            exec setpriv --reuid 65534 --regid 65534 --clear-groups env HOME={root} bash {root}/inner
            """;
        Dictionary<string, string> environment = new(MountedSource.Environment(root)) { ["DOTNET_CLI_HOME"] = root };
        AddCredentials(environment);
        CommandResult result = await Command.RunAsync("unshare", ["-m", "bash", "-eu", "-c", script], TimeSpan.FromMinutes(5), environment);
        Assert.True(result.ExitCode == 0, result.ToString());
        SortedDictionary<string, string> sums = new(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(Path.Combine(root, "sums")))
        {
            sums[line[66..].TrimStart('.', '/')] = line[..64].ToUpperInvariant();
        }

        TreeHash.AssertEqual(s_expected.Value, sums);
        Directory.Delete(root, recursive: true);
    }

    private static async Task<long> GetsAsync(MountedSource mount) =>
        (await mount.StatisticsAsync()).GetProperty("origin_requests").GetProperty("get").GetInt64();

    private async Task<MountedSource> StartAsync(params string[] options)
    {
        Requires.Fuse();
        await UploadAsync();
        Dictionary<string, string> environment = [];
        AddCredentials(environment);
        return await MountedSource.StartPinnedAsync($"s3://{Bucket}", ["--endpoint-url", server.Gateway.Endpoint.ToString(), .. options], environment);
    }

    private void AddCredentials(Dictionary<string, string> environment)
    {
        environment["AWS_ACCESS_KEY_ID"] = server.Gateway.AccessKey;
        environment["AWS_SECRET_ACCESS_KEY"] = server.Gateway.SecretKey;
    }

    private async Task UploadAsync()
    {
        Skip.IfNot(Directory.Exists(Clipart), "needs openclipart-png: apt-get install openclipart-png");
        await s_uploading.WaitAsync();
        try
        {
            if (!s_uploaded)
            {
                using S3Lite store = server.Gateway.Connect();
                store.CreateBucket(Bucket);
                await TreeUploader.UploadAsync(store, Bucket, "", Clipart);
                s_uploaded = true;
            }
        }
        finally
        {
            s_uploading.Release();
        }
    }
}
