using MLPlatform.Fuse;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>A local directory as the store: every way of reading, and every way of not writing.</summary>
[Trait("Published", "true")]
public sealed class LocalDirectoryTests : IAsyncLifetime
{
    private readonly string _root = Directory.CreateTempSubdirectory("mlp-local-").FullName;

    private string Source => Path.Combine(_root, "data");

    public Task InitializeAsync()
    {
        Directory.CreateDirectory(Path.Combine(Source, "a dir", "deep", "er"));
        Random random = new(7);
        foreach ((string name, int bytes) in new[] { ("empty", 0), ("one", 1), ("page", 4096), ("odd", 4097), ("small.bin", 100_000), ("a dir/ü+%2F#?.txt", 5000), ("a dir/deep/er/x", 77), ("big.bin", 30_000_001) })
        {
            byte[] content = new byte[bytes];
            random.NextBytes(content);
            File.WriteAllBytes(Path.Combine(Source, name), content);
        }

        File.CreateSymbolicLink(Path.Combine(Source, "link"), "a dir/deep/er/x");
        File.SetUnixFileMode(Path.Combine(Source, "one"), UnixFileMode.UserRead | UnixFileMode.GroupRead);
        return Task.CompletedTask;
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        return Task.CompletedTask;
    }

    [SkippableTheory]
    [InlineData("files", 1)]
    [InlineData("files", 16)]
    [InlineData("shards", 1)]
    [InlineData("shards", 16)]
    [Promise("S1")]
    public async Task Reads_ColdAndWarm_EqualTheDirectory(string profile, int threads)
    {
        Requires.Fuse();
        await using MountedSource mount = await MountedSource.StartAsync(Source, ["--profile", profile]);
        SortedDictionary<string, string> expected = TreeHash.Of(Source, 1);
        TreeHash.AssertEqual(expected, TreeHash.Of(mount.Directory, threads));
        TreeHash.AssertEqual(expected, TreeHash.Of(mount.Directory, threads));
        Assert.Equal("a dir/deep/er/x", new FileInfo(mount.PathOf("link")).LinkTarget);
    }

    [SkippableTheory]
    [InlineData("files")]
    [InlineData("shards")]
    public async Task Tools_CopyTarRsyncFindMmapDirect_GiveTheSameBytes(string profile)
    {
        Requires.Fuse();
        Requires.Program("rsync", "rsync");
        await using MountedSource mount = await MountedSource.StartAsync(Source, ["--profile", profile]);
        CommandResult result = await Command.ShellAsync($"""
            cp -r {mount.Directory} {_root}/copy && diff -r {Source} {_root}/copy
            tar -C {mount.Directory} -cf - . | tar -C {_root} --one-top-level=untar -xf - && diff -r {Source} {_root}/untar
            rsync -rlc --dry-run --itemize-changes {Source}/ {mount.Directory}/ | grep -v '^\.' && exit 1
            diff <(cd {Source} && find . | sort) <(cd {mount.Directory} && find . | sort)
            diff <(cd {Source} && find . -type f -printf '%p %s %m %T@\n' | sort) <(cd {mount.Directory} && find . -type f -printf '%p %s %m %T@\n' | sort)
            cmp {Source}/big.bin <(dd if={mount.Directory}/big.bin iflag=direct bs=1M status=none)
            python3 -c 'import mmap,sys; a=open("{mount.Directory}/big.bin","rb"); m=mmap.mmap(a.fileno(),0,prot=mmap.PROT_READ); sys.exit(m[:]!=open("{Source}/big.bin","rb").read())'
            """);
        Assert.True(result.ExitCode == 0, result.ToString());
    }

    [SkippableTheory]
    [InlineData("files")]
    [InlineData("shards")]
    [Promise("S6")]
    public async Task Changes_OfAnyKind_AnswerErofs(string profile)
    {
        Requires.Fuse();
        await using MountedSource mount = await MountedSource.StartAsync(Source, ["--profile", profile]);
        string one = mount.PathOf("small.bin");
        string[] attempts =
        [
            $"echo x > {one}", $"echo x >> {one}", $"touch {one}", $"rm {one}", $"mv {one} {one}2", $"ln {one} {one}2", $"ln -s x {mount.PathOf("y")}", $"mkdir {mount.PathOf("d")}",
            $"rmdir '{mount.PathOf("a dir")}'", $"chmod 600 {one}", $"chown 1 {one}", $"truncate -s 0 {one}", $"mkfifo {mount.PathOf("p")}", $"touch {mount.PathOf("new")}", $"mkdir {mount.PathOf("d")}",
            $"python3 -c 'import os; os.setxattr(\"{one}\", \"user.x\", b\"1\")'",
        ];
        foreach (string attempt in attempts)
        {
            CommandResult result = await Command.ShellAsync(attempt);
            Assert.NotEqual(0, result.ExitCode);
            Assert.Contains("Read-only file system", result.Error, StringComparison.Ordinal);
        }

        Assert.Equal(100_000, new FileInfo(Path.Combine(Source, "small.bin")).Length);
    }

    [SkippableFact]
    public async Task Passthrough_OfALocalFile_ReadsWithoutUs()
    {
        Requires.Fuse();
        Requires.Root();
        await using MountedSource mount = await MountedSource.StartAsync(Source, ["--profile", "shards"]);
        Assert.Equal(File.ReadAllBytes(Path.Combine(Source, "big.bin")), File.ReadAllBytes(mount.PathOf("big.bin")));
        System.Text.Json.JsonElement statistics = await mount.StatisticsAsync();
        Assert.True(statistics.GetProperty("passthrough_opens").GetInt64() >= 1);
        Assert.False(statistics.GetProperty("fuse_requests").TryGetProperty("read", out _));
    }

    [SkippableFact]
    [Promise("S3")]
    public async Task Passthrough_FileWrittenInPlaceOrReplaced_ShowsOneAndRefusesTheOther()
    {
        Requires.Fuse();
        Requires.Root();
        await using MountedSource mount = await MountedSource.StartPinnedAsync(Source, ["--profile", "shards"]);
        await using FileStream open = new(mount.PathOf("page"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        byte[] before = File.ReadAllBytes(Path.Combine(Source, "page"));
        using (FileStream store = new(Path.Combine(Source, "page"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            store.WriteByte((byte)~before[0]);
        }

        Assert.Equal((byte)~before[0], open.ReadByte());

        File.WriteAllBytes(Path.Combine(_root, "new"), new byte[4096]);
        File.Move(Path.Combine(_root, "new"), Path.Combine(Source, "page"), overwrite: true);
        Assert.Equal(before[1], open.ReadByte()); // What was opened stays.
        CommandResult again = await Command.ShellAsync($"cat {mount.PathOf("small.bin")} >/dev/null; cat {mount.PathOf("page")} > /dev/null");
        Assert.Equal(0, again.ExitCode); // Shares the open file's version.
        open.Close();
        CommandResult stale = await Command.ShellAsync($"cat {mount.PathOf("page")} > /dev/null");
        Assert.Contains("Stale file handle", stale.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    [Promise("S1")]
    public async Task NoPassthrough_FileChangedInPlace_FailsWithEstaleAndNamesIt()
    {
        Requires.Fuse();
        await using MountedSource mount = await MountedSource.StartPinnedAsync(Source, ["--profile", "files", "--no-passthrough"]);
        File.WriteAllBytes(Path.Combine(Source, "small.bin"), new byte[100_000]);
        CommandResult stale = await Command.ShellAsync($"cat {mount.PathOf("small.bin")}");
        Assert.Contains("Stale file handle", stale.Error, StringComparison.Ordinal);
        Assert.Contains(mount.Log, line => line.Contains("small.bin", StringComparison.Ordinal) && line.Contains("mlp dataset sync", StringComparison.Ordinal));
    }

    [SkippableFact]
    [Promise("S7")]
    public async Task OwnersAndModes_ByOption_AreShownAndEnforced()
    {
        Requires.Fuse();
        Requires.Root();
        await using (MountedSource own = await MountedSource.StartAsync(Source, []))
        {
            Assert.Equal("440 0", (await Command.ShellAsync($"stat -c '%a %u' {own.PathOf("one")}")).Output.Trim());
        }

        await using MountedSource mount = await MountedSource.StartAsync(Source, ["--uid", "1234", "--gid", "2345", "--file-mode", "0600", "--dir-mode", "0711", "--allow-other"]);
        CommandResult result = await Command.ShellAsync($"stat -c '%a %u %g' {mount.PathOf("one")} '{mount.PathOf("a dir")}'");
        Assert.Equal("600 1234 2345\n711 1234 2345\n", result.Output);
        CommandResult other = await Command.ShellAsync($"chmod 711 {Path.GetDirectoryName(mount.Directory)}; setpriv --reuid 4321 --regid 4321 --clear-groups cat {mount.PathOf("one")}");
        Assert.Contains("Permission denied", other.Error, StringComparison.Ordinal);
        CommandResult owner = await Command.ShellAsync($"setpriv --reuid 1234 --regid 2345 --clear-groups cat {mount.PathOf("one")} | wc -c");
        Assert.Equal("1", owner.Output.Trim());
    }

    [SkippableFact]
    public async Task OtherUsers_WithoutAllowOther_MayNotEnter()
    {
        Requires.Fuse();
        Requires.Root();
        await using MountedSource mount = await MountedSource.StartAsync(Source, []);
        CommandResult other = await Command.ShellAsync($"chmod 711 {Path.GetDirectoryName(mount.Directory)}; setpriv --reuid 4321 --regid 4321 --clear-groups ls {mount.Directory}");
        Assert.Contains("Permission denied", other.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    [Promise("S8")]
    public async Task Names_ThatClimbOrLinkOut_StayInside()
    {
        Requires.Fuse();
        File.WriteAllText(Path.Combine(_root, "secret"), "outside");
        await using MountedSource mount = await MountedSource.StartAsync(Source, ["--profile", "files"]);
        CommandResult climb = await Command.ShellAsync($"ls {mount.Directory}/../secret 2>&1 || true; cat {mount.Directory}/.mlp/where/../secret 2>&1 || true");
        Assert.DoesNotContain("outside", climb.Output, StringComparison.Ordinal);

        // A directory swapped for a link after it was listed: the store must not follow it out.
        await mount.PinnedAsync();
        Directory.Move(Path.Combine(Source, "a dir"), Path.Combine(_root, "moved"));
        Directory.CreateDirectory(Path.Combine(_root, "elsewhere", "deep", "er"));
        File.WriteAllText(Path.Combine(_root, "elsewhere", "deep", "er", "x"), "outside");
        Directory.CreateSymbolicLink(Path.Combine(Source, "a dir"), Path.Combine(_root, "elsewhere"));
        CommandResult swapped = await Command.ShellAsync($"cat '{mount.PathOf("a dir/deep/er/x")}'");
        Assert.NotEqual(0, swapped.ExitCode);
        Assert.DoesNotContain("outside", swapped.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ControlFiles_OfAMount_SayWhatItIs()
    {
        Requires.Fuse();
        Requires.Program("getfattr", "attr");
        await using MountedSource mount = await MountedSource.StartPinnedAsync(Source, ["--profile", "files"]);
        Assert.DoesNotContain(".mlp", (await Command.ShellAsync($"ls -a {mount.Directory}")).Output, StringComparison.Ordinal);
        Assert.Equal("accesslog\nconfig\nstats\nversion\nwhere\n", (await Command.ShellAsync($"ls {mount.PathOf(".mlp/")}")).Output);
        Assert.Contains("version: sha256:", File.ReadAllText(mount.PathOf(".mlp/version")), StringComparison.Ordinal);
        string where = File.ReadAllText(mount.PathOf(".mlp/where/a dir/deep/er/x"));
        Assert.Contains("a dir/deep/er/x", where, StringComparison.Ordinal);
        Assert.Contains("bytes: 77", where, StringComparison.Ordinal);
        string attributes = (await Command.ShellAsync($"getfattr -d {mount.PathOf("big.bin")}")).Output;
        Assert.Contains("user.mlp.uri=\"file://", attributes, StringComparison.Ordinal);
        Assert.Contains("user.mlp.version=\"sha256:", attributes, StringComparison.Ordinal);
        CommandResult log = await Command.ShellAsync($"(timeout 3 head -n 1 {mount.PathOf(".mlp/accesslog")} & sleep 1; cat {mount.PathOf("odd")} >/dev/null; wait)");
        Assert.Contains(" ok", log.Output, StringComparison.Ordinal);
        Assert.Equal(["a dir", "big.bin", "empty", "link", "odd", "one", "page", "small.bin"], Directory.GetFileSystemEntries(mount.Directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [SkippableFact]
    public async Task StatFs_OfAPinnedMount_CountsFilesAndBytes()
    {
        Requires.Fuse();
        await using MountedSource mount = await MountedSource.StartPinnedAsync(Source, []);
        string[] fields = (await Command.ShellAsync($"stat -f -c '%b %S %c' {mount.Directory}")).Output.Trim().Split(' ');
        long bytes = Directory.GetFiles(Source, "*", SearchOption.AllDirectories).Where(f => new FileInfo(f).LinkTarget is null).Sum(f => new FileInfo(f).Length);
        Assert.InRange(long.Parse(fields[0]) * long.Parse(fields[1]), bytes, bytes + 4096);
        Assert.True(long.Parse(fields[2]) >= 8);
    }

    [SkippableTheory]
    [InlineData("files")]
    [InlineData("shards")]
    public async Task Fio_RandomVerify_FindsNoDifference(string profile)
    {
        Requires.Fuse();
        Requires.Program("fio", "fio");
        const string Common = "--name=v --bs=4k --size=16m --verify=crc32c --minimal";
        CommandResult write = await Command.ShellAsync($"fio {Common} --rw=randwrite --do_verify=0 --filename={Path.Combine(Source, "fio.dat")}");
        Assert.True(write.ExitCode == 0, write.ToString());
        await using MountedSource mount = await MountedSource.StartAsync(Source, ["--profile", profile]);
        CommandResult verify = await Command.ShellAsync($"fio {Common} --rw=randread --readonly --filename={mount.PathOf("fio.dat")}");
        Assert.True(verify.ExitCode == 0, verify.ToString());
    }

    [SkippableFact]
    [Promise("S13")]
    public async Task Sigterm_OfAServer_UnmountsBothConnections()
    {
        Requires.Fuse();
        MountedSource mount = await MountedSource.StartAsync(Source, []);
        int id = mount.Server.Id;
        await Command.RunAsync("/bin/kill", ["-TERM", $"{id}"]);
        await mount.Server.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(0, mount.Server.ExitCode);
        Assert.DoesNotContain(MountTable.Read(), entry => entry.Directory.StartsWith(Path.GetDirectoryName(mount.Directory)!, StringComparison.Ordinal));
        await mount.DisposeAsync();
    }

    [SkippableFact]
    [Promise("S13")]
    public async Task Sigkill_OfAServer_NextMountClearsTheDeadOne()
    {
        Requires.Fuse();
        string root = Path.Combine(_root, "kill");
        Directory.CreateDirectory(root);
        MountedSource first = await MountedSource.StartAsync(Source, [], root: root);
        first.Server.Kill();
        await first.Server.WaitForExitAsync();
        Assert.Contains("not connected", (await Command.ShellAsync($"ls {first.Directory}")).Error, StringComparison.Ordinal);
        await using MountedSource second = await MountedSource.StartAsync(Source, [], root: root);
        TreeHash.AssertEqual(TreeHash.Of(Source, 1), TreeHash.Of(second.Directory, 4));
        Assert.Single(MountTable.Read(), entry => entry.Directory == second.Directory);
    }

    [SkippableFact]
    public async Task Umount_ByPlainCommand_EndsTheServer()
    {
        Requires.Fuse();
        Requires.Root();
        await using MountedSource mount = await MountedSource.StartAsync(Source, []);
        File.ReadAllBytes(mount.PathOf("one"));
        CommandResult umount = await Command.ShellAsync($"umount {mount.Directory}");
        Assert.True(umount.ExitCode == 0, umount.ToString());
        await mount.Server.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(0, mount.Server.ExitCode);
    }
}
