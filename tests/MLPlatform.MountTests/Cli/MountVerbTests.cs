using System.Diagnostics;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Cli;

/// <summary>A mount's life in the background and in the foreground, and every way in which it must not begin.</summary>
[Trait("Published", "true")]
public sealed class MountVerbTests : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly CliFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [SkippableFact]
    public async Task Mount_InBackground_AnswersWhenTheCommandReturnsAndUmountLeavesNothing()
    {
        Requires.Fuse();
        CommandResult mounted = await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        Assert.True(mounted.ExitCode == 0, mounted.ToString());
        Assert.Equal("", mounted.Output + mounted.Error);
        Assert.Equal("content\n", await File.ReadAllTextAsync(Path.Combine(_folder.Mount, "file")));
        int server = await _folder.ServerAsync();

        // A session of its own: the end of the terminal that started it must not reach it.
        Assert.Equal($"{server}", (await Command.ShellAsync($"ps -o sid= -p {server} | tr -d ' '")).Output.Trim());
        Assert.Contains("Mounted file://", await File.ReadAllTextAsync(_folder.Log), StringComparison.Ordinal);

        CommandResult unmounted = await _folder.MlpAsync("umount", _folder.Mount);
        Assert.True(unmounted.ExitCode == 0, unmounted.ToString());
        Assert.False(_folder.IsMounted);
        Assert.True(IsGone(server));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/run/mlp"), e => e.EndsWith($"-{server}", StringComparison.Ordinal) || e.EndsWith($"-{server}.json", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task Mount_RelativePaths_MeanTheCallersDirectory()
    {
        Requires.Fuse();
        Assert.Equal("0", (await Command.ShellAsync($"cd {_folder.Root} && {Mlp.ShellCommand} mount source mnt && cat mnt/file >/dev/null && {Mlp.ShellCommand} umount mnt; echo $?", null, _folder.Environment)).Output.Trim());
    }

    [SkippableTheory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task Mount_InForeground_SignalUnmountsCleanly(string signal)
    {
        Requires.Fuse();
        using Process server = Mlp.Start(["mount", "-f", _folder.Source, _folder.Mount], _folder.Environment);
        await UntilAsync(() => File.Exists(Path.Combine(_folder.Mount, "file")));
        await Command.RunAsync("/bin/kill", [$"-{signal}", $"{server.Id}"]);
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(30));
        await server.WaitForExitAsync(deadline.Token);
        Assert.Equal(0, server.ExitCode);
        Assert.False(_folder.IsMounted);
    }

    [SkippableFact]
    public async Task Mount_SignalledTwiceWhileInUse_GoesAtOnceAndLeavesNothing()
    {
        Requires.Fuse();
        using Process server = Mlp.Start(["mount", "-f", _folder.Source, _folder.Mount], _folder.Environment);
        await UntilAsync(() => File.Exists(Path.Combine(_folder.Mount, "file")));
        using Process holder = Process.Start(new ProcessStartInfo("/bin/sleep", ["60"]) { WorkingDirectory = _folder.Mount })!;
        await Command.RunAsync("/bin/kill", ["-TERM", $"{server.Id}"]);
        await UntilAsync(() => !_folder.IsMounted); // Busy, so it is detached and waits for the last user.
        await Command.RunAsync("/bin/kill", ["-TERM", $"{server.Id}"]);
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(8));
        await server.WaitForExitAsync(deadline.Token);
        holder.Kill();
        Assert.Equal(130, server.ExitCode);
        Assert.DoesNotContain(Fuse.MountTable.Read(), m => m.Directory.EndsWith($"-{server.Id}", StringComparison.Ordinal));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/run/mlp"), e => e.Contains($"-{server.Id}", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task Mount_EndedByPlainUmount_EndsTheServer()
    {
        Requires.Fuse();
        Requires.Root();
        await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        int server = await _folder.ServerAsync();
        CommandResult unmounted = await Command.RunAsync("umount", [_folder.Mount]);
        Assert.True(unmounted.ExitCode == 0, unmounted.ToString());
        await UntilAsync(() => IsGone(server));
    }

    [SkippableFact]
    public async Task Mount_ServerWasKilled_NextMountClearsIt()
    {
        Requires.Fuse();
        await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        await KillAsync(await _folder.ServerAsync());
        Assert.Throws<IOException>(() => File.ReadAllText(Path.Combine(_folder.Mount, "file")));

        CommandResult again = await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        Assert.True(again.ExitCode == 0, again.ToString());
        Assert.Equal("content\n", await File.ReadAllTextAsync(Path.Combine(_folder.Mount, "file")));
        Assert.Contains("cleared the dead mount", await File.ReadAllTextAsync(_folder.Log), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Umount_ServerWasKilled_ClearsAllItLeft()
    {
        Requires.Fuse();
        await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        int server = await _folder.ServerAsync();
        await KillAsync(server);
        CommandResult doctor = await _folder.MlpAsync("doctor");
        Assert.Contains($"mlp umount {_folder.Mount}", doctor.Output, StringComparison.Ordinal);

        CommandResult unmounted = await _folder.MlpAsync("umount", _folder.Mount);
        Assert.True(unmounted.ExitCode == 0, unmounted.ToString());
        Assert.Contains("its server had been killed", unmounted.Error, StringComparison.Ordinal);
        Assert.False(_folder.IsMounted);
        Assert.DoesNotContain(Fuse.MountTable.Read(), m => m.Directory.EndsWith($"-{server}", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task Umount_InUse_NamesWhoUsesItAndLazyDetaches()
    {
        Requires.Fuse();
        await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        int server = await _folder.ServerAsync();
        using Process holder = Process.Start(new ProcessStartInfo("/bin/sleep", ["60"]) { WorkingDirectory = _folder.Mount })!;
        try
        {
            CommandResult busy = await _folder.MlpAsync("umount", _folder.Mount);
            Assert.Equal(1, busy.ExitCode);
            Assert.Contains($"sleep ({holder.Id}) works in {_folder.Mount}", busy.Error, StringComparison.Ordinal);
            Assert.Contains("umount --lazy", busy.Error, StringComparison.Ordinal);
            Assert.True(_folder.IsMounted);

            CommandResult lazy = await _folder.MlpAsync("umount", "--lazy", _folder.Mount);
            Assert.True(lazy.ExitCode == 0, lazy.ToString());
            Assert.False(_folder.IsMounted);
        }
        finally
        {
            holder.Kill();
        }

        await UntilAsync(() => IsGone(server));
    }

    [SkippableFact]
    public async Task Mount_Wrong_IsOneSentenceWithARemedyAndNothingMounted()
    {
        Requires.Fuse();
        string file = Path.Combine(_folder.Source, "file");
        await FailsAsync(1, "does not exist; make it with: mkdir -p", "mount", _folder.Source, _folder.Root + "/missing");
        await FailsAsync(2, "is not a directory", "mount", _folder.Source, file);
        await FailsAsync(2, "is not empty and its files would be hidden", "mount", _folder.Source, _folder.Source);
        await FailsAsync(1, "", "mount", _folder.Root + "/nothing", _folder.Mount);
        await FailsAsync(2, "did you mean --anonymous?", "mount", "--anonymos", _folder.Source, _folder.Mount);
        await FailsAsync(2, "did you mean allow_other?", "mount", "-o", "ro,alow_other", _folder.Source, _folder.Mount);
        await FailsAsync(2, "exclude each other", "mount", "--live", "--wait", _folder.Source, _folder.Mount);
        await FailsAsync(2, "is no size", "mount", "--memory", "much", _folder.Source, _folder.Mount);
        await FailsAsync(2, "too little", "mount", "--memory", "1MiB", _folder.Source, _folder.Mount);
        await FailsAsync(2, "did you mean 's3://'?", "mount", "s4://bucket", _folder.Mount);
        await FailsAsync(1, "Nothing is mounted on", "umount", _folder.Mount);
    }

    [SkippableFact]
    public async Task Mount_Dataset_UnknownDatasetOrVersionSaysSoAndAKnownOneIsPinned()
    {
        Requires.Fuse();
        CommandResult added = await _folder.MlpAsync("dataset", "add", "numbers", _folder.Source);
        Assert.True(added.ExitCode == 0, added.ToString());
        await FailsAsync(1, "did you mean 'numbers'?", "mount", "number", _folder.Mount);
        await FailsAsync(1, "has no version", "mount", "numbers@sha256:ffff", _folder.Mount);
        await FailsAsync(1, "has no version", "mount", "--version", "ffff", "numbers", _folder.Mount);
        await FailsAsync(2, "exclude each other", "mount", "--follow", "--version", "ffff", "numbers", _folder.Mount);

        File.WriteAllText(Path.Combine(_folder.Source, "later"), "");
        CommandResult mounted = await _folder.MlpAsync("mount", "numbers", _folder.Mount);
        Assert.True(mounted.ExitCode == 0, mounted.ToString());
        Assert.Equal(["file"], Directory.EnumerateFileSystemEntries(_folder.Mount).Select(Path.GetFileName));
        CommandResult removed = await _folder.MlpAsync("dataset", "remove", "numbers", "--yes");
        Assert.Equal(1, removed.ExitCode);
        Assert.Contains($"is mounted at {_folder.Mount}", removed.Error, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("truncated")]
    [InlineData("damaged")]
    public async Task Mount_ManifestIsBroken_SaysSo(string how)
    {
        Requires.Fuse();
        await _folder.MlpAsync("dataset", "add", "numbers", _folder.Source);
        string manifest = Assert.Single(Directory.EnumerateFiles(Path.Combine(_folder.Root, "state", "datasets", "numbers", "versions")));
        byte[] bytes = File.ReadAllBytes(manifest);
        bytes[0] ^= 1;
        File.SetUnixFileMode(manifest, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllBytes(manifest, how == "truncated" ? bytes[..100] : bytes);
        await FailsAsync(1, "numbers", "mount", "numbers", _folder.Mount);
    }

    [SkippableFact]
    public async Task DatasetAdd_Interrupted_PrintsTheCommandToGoOn()
    {
        using System.Net.Sockets.TcpListener hole = new(System.Net.IPAddress.Loopback, 0);
        hole.Start();
        using Process adding = Mlp.Start(["dataset", "add", "far", "--anonymous", "--endpoint-url", $"http://{hole.LocalEndpoint}", "s3://bucket"], _folder.Environment);
        using System.Net.Sockets.TcpClient asked = await hole.AcceptTcpClientAsync().WaitAsync(s_patience); // By now it waits for an answer.
        await Command.RunAsync("/bin/kill", ["-INT", $"{adding.Id}"]);
        string error = await adding.StandardError.ReadToEndAsync();
        await adding.WaitForExitAsync();
        Assert.Equal(130, adding.ExitCode);
        Assert.Equal($"mlp: interrupted; what is done is kept, go on with: mlp dataset add far --anonymous --endpoint-url http://{hole.LocalEndpoint} s3://bucket\n", error);
    }

    [SkippableFact]
    public async Task Mount_OnAMountOfOurs_SaysWhoseItIs()
    {
        Requires.Fuse();
        await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        CommandResult again = await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        Assert.Equal(1, again.ExitCode);
        Assert.Contains($"is already mounted (it shows file://{_folder.Source}, served by process", again.Error, StringComparison.Ordinal);
        Assert.Single(Fuse.MountTable.Read(), m => m.Directory == _folder.Mount);
    }

    [SkippableFact]
    public async Task Mount_NonemptyWanted_MountsOverFiles()
    {
        Requires.Fuse();
        File.WriteAllText(Path.Combine(_folder.Mount, "hidden"), "");
        CommandResult mounted = await _folder.MlpAsync("mount", "-o", "nonempty", _folder.Source, _folder.Mount);
        Assert.True(mounted.ExitCode == 0, mounted.ToString());
        Assert.False(File.Exists(Path.Combine(_folder.Mount, "hidden")));
    }

    [SkippableFact]
    public async Task Mount_StoreNeverAnswers_EndsWithinItsDeadline()
    {
        Requires.Fuse();
        using System.Net.Sockets.TcpListener hole = new(System.Net.IPAddress.Loopback, 0);
        hole.Start(); // Connections are made by the kernel and nobody ever speaks.
        Stopwatch clock = Stopwatch.StartNew();
        CommandResult mounted = await _folder.MlpAsync("mount", "--anonymous", "--endpoint-url", $"http://{hole.LocalEndpoint}", "s3://bucket", _folder.Mount);
        Assert.Equal(1, mounted.ExitCode);
        Assert.Single(mounted.Error.Trim().Split('\n'));
        Assert.False(_folder.IsMounted);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(80), $"it took {clock.Elapsed}");
    }

    [SkippableFact]
    public async Task Mount_ServerHangsWhileStarting_IsKilledAndSaysSo()
    {
        Requires.Fuse();
        using System.Net.Sockets.TcpListener hole = new(System.Net.IPAddress.Loopback, 0);
        hole.Start();
        using Process parent = Mlp.Start(["mount", "--anonymous", "--endpoint-url", $"http://{hole.LocalEndpoint}", "--start-timeout", "3s", "s3://bucket", _folder.Mount], _folder.Environment);
        using System.Net.Sockets.TcpClient asked = await hole.AcceptTcpClientAsync().WaitAsync(s_patience); // The server runs. Stopped before its exec it would hold its parent in vfork.
        int child = ChildOf(parent.Id);
        Assert.NotEqual(0, child);
        await Command.RunAsync("/bin/kill", ["-STOP", $"{child}"]);
        string error = await parent.StandardError.ReadToEndAsync().WaitAsync(s_patience);
        await parent.WaitForExitAsync().WaitAsync(s_patience);
        Assert.Equal(1, parent.ExitCode);
        Assert.Contains("said nothing for 3s and was stopped", error, StringComparison.Ordinal);
        Assert.False(_folder.IsMounted);
        Assert.True(IsGone(child));
    }

    [SkippableFact]
    public async Task Mount_InterruptedWhileStarting_LeavesNothing()
    {
        Requires.Fuse();
        using System.Net.Sockets.TcpListener hole = new(System.Net.IPAddress.Loopback, 0);
        hole.Start();
        using Process parent = Mlp.Start(["mount", "--anonymous", "--endpoint-url", $"http://{hole.LocalEndpoint}", "s3://bucket", _folder.Mount], _folder.Environment);
        using System.Net.Sockets.TcpClient asked = await hole.AcceptTcpClientAsync().WaitAsync(s_patience); // The server runs. Stopped before its exec it would hold its parent in vfork.
        int child = ChildOf(parent.Id);
        Assert.NotEqual(0, child);
        await Command.RunAsync("/bin/kill", ["-INT", $"{parent.Id}"]);
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(30));
        await parent.WaitForExitAsync(deadline.Token);
        Assert.Equal(130, parent.ExitCode);
        Assert.True(IsGone(child));
        Assert.False(_folder.IsMounted);
    }

    [SkippableFact]
    public async Task MountHelper_CalledAsMountDoes_Mounts()
    {
        Requires.Fuse();
        string link = Path.Combine(_folder.Root, "mount.fuse.mlp");
        File.CreateSymbolicLink(link, Mlp.PublishedBinary is { } published ? Path.GetFullPath(published) : Path.Combine(AppContext.BaseDirectory, "mlp"));
        CommandResult mounted = await Command.RunAsync(link, [_folder.Source, _folder.Mount, "-o", "rw,_netdev,nofail,x-systemd.automount,noexec,file_mode=0440", "-n", "-t", "fuse.mlp"], null, _folder.Environment);
        Assert.True(mounted.ExitCode == 0, mounted.ToString());
        Assert.Contains("noexec", Fuse.MountTable.Read().Single(m => m.Directory == _folder.Mount).Options, StringComparison.Ordinal);
        Assert.Equal("440", (await Command.RunAsync("stat", ["-c", "%a", Path.Combine(_folder.Mount, "file")])).Output.Trim());

        CommandResult wrong = await Command.RunAsync(link, [_folder.Source, _folder.Mount, "-o", "filemode=0440"], null, _folder.Environment);
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("did you mean file_mode?", wrong.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Stats_Json_HasTheKeysThatScriptsReadAndOneObjectPerLine()
    {
        Requires.Fuse();
        await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        CommandResult stats = await _folder.MlpAsync("stats", "--json", "--interval", "100ms", "--count", "2", _folder.Mount);
        string[] lines = stats.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        foreach (string line in lines)
        {
            using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(line);
            foreach (string key in (string[])["uptime_s", "cpu_s", "rss_bytes", "budget_used_bytes", "budget_limit_bytes", "fuse_requests", "read_bytes", "read_errors", "hit_bytes", "miss_bytes", "origin_bytes", "origin_requests", "origin_errors", "origin_retries", "open_files", "dataset"])
            {
                Assert.True(document.RootElement.TryGetProperty(key, out _), key);
            }
        }

        CommandResult table = await _folder.MlpAsync("stats", "--interval", "100ms", "--count", "2", _folder.Mount);
        string[] rows = table.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, rows.Length);
        Assert.All(rows[1..], r => Assert.Equal(rows[1].Length, r.Length));
    }

    [SkippableFact]
    public async Task Info_FileAndStrangers_TellsWhatItCan()
    {
        Requires.Fuse();
        await _folder.MlpAsync("mount", _folder.Source, _folder.Mount);
        CommandResult info = await _folder.MlpAsync("info", Path.Combine(_folder.Mount, "file"), Path.Combine(_folder.Source, "file"));
        Assert.Equal(3, info.ExitCode);
        Assert.Contains($"file://{_folder.Source}/file", info.Output, StringComparison.Ordinal);
        Assert.Contains("is in no mount of mlp", info.Error, StringComparison.Ordinal);
    }


    private async Task FailsAsync(int exitCode, string part, params string[] arguments)
    {
        CommandResult result = await _folder.MlpAsync(arguments);
        Assert.True(result.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {result}");
        Assert.Equal("", result.Output);
        string sentence = Assert.Single(result.Error.Trim().Split('\n'));
        Assert.StartsWith("mlp: ", sentence, StringComparison.Ordinal);
        Assert.Contains(part, sentence, StringComparison.Ordinal);
        Assert.False(_folder.IsMounted);
    }

    private static async Task KillAsync(int pid)
    {
        await Command.RunAsync("/bin/kill", ["-KILL", $"{pid}"]);
        await UntilAsync(() => IsGone(pid));
    }

    // In a container nobody may collect orphans: a zombie has ended too.
    private static bool IsGone(int pid) => MLPlatform.Cli.Mounting.ProcessIdentity.StartTicks(pid) is null;

    private static int ChildOf(int pid)
    {
        string path = $"/proc/{pid}/task/{pid}/children";
        string children = File.Exists(path) ? string.Concat(Directory.EnumerateDirectories($"/proc/{pid}/task").Select(static t => File.ReadAllText(t + "/children"))) : "";
        return children.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [string first, ..] ? int.Parse(first) : 0;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), "waited half a minute in vain");
            await Task.Delay(20);
        }
    }
}
