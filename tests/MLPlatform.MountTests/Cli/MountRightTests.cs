using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Cli;

/// <summary>Machines and users that may not mount, or only by fusermount3. Each has a mount namespace of its own, in which /dev is made to look that way.</summary>
[Trait("Published", "true")]
public sealed class MountRightTests : IAsyncLifetime
{
    // Nobody's user and group, without the groups of root.
    private const string AsNobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";

    private readonly CliFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [SkippableFact]
    public async Task NoFuseDevice_MountAndDoctorSaySo()
    {
        string error = await FailsAsync($"""
            mkdir {_folder.Root}/dev; mount -t tmpfs none {_folder.Root}/dev
            for node in "null 1 3" "zero 1 5" "random 1 8" "urandom 1 9"; do set -- $node; mknod -m 666 {_folder.Root}/dev/$1 c $2 $3; done
            mount --bind {_folder.Root}/dev /dev
            """, "");
        Assert.Contains("/dev/fuse is missing: load the fuse kernel module (modprobe fuse)", error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task RootWithoutTheCapability_MountAndDoctorSaySo()
    {
        string error = await FailsAsync("", "setpriv --bounding-set -sys_admin --inh-caps -sys_admin");
        Assert.Contains("the container must allow mounts", error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task UserWhoMayNotOpenTheDevice_MountAndDoctorSaySo()
    {
        string error = await FailsAsync($"mknod -m 600 {_folder.Root}/fuse c 10 229; mount --bind {_folder.Root}/fuse /dev/fuse", AsNobody);
        Assert.Contains("Have /dev/fuse made readable and writable for this user", error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Rootless_MountsInTheBackgroundAndClearsUpLikeRoot()
    {
        Requires.Fuse();
        Requires.Root();
        Requires.Program("fusermount3", "fuse3");
        string inner = $$"""
            set -eu
            cd {{_folder.Root}}
            {{Mlp.ShellCommand}} mount source mnt; cat mnt/file
            server=$({{Mlp.ShellCommand}} info mnt --json | tr -dc '0-9a-z:",_\n' | sed -n 's/^"pid":\([0-9]*\).*/\1/p')
            (cd mnt; sleep 60) & holder=$!
            sleep 0.3
            {{Mlp.ShellCommand}} umount mnt 2>&1 && exit 41 || test $? = 1
            kill $holder; wait $holder || true
            kill -KILL $server
            while kill -0 $server 2>/dev/null && ! grep -q ') Z ' /proc/$server/stat; do sleep 0.05; done
            {{Mlp.ShellCommand}} mount source mnt; cat mnt/file
            {{Mlp.ShellCommand}} umount mnt
            {{Mlp.ShellCommand}} mount --allow-other source mnt 2>&1 && exit 42 || test $? = 1
            grep -c {{_folder.Root}} /proc/self/mountinfo || true
            """;
        File.WriteAllText(Path.Combine(_folder.Root, "inner"), inner);
        CommandResult result = await InNamespaceAsync($"mknod -m 666 {_folder.Root}/fuse c 10 229; mount --bind {_folder.Root}/fuse /dev/fuse", $"{AsNobody} bash {_folder.Root}/inner");
        Assert.True(result.ExitCode == 0, result.ToString());
        string[] lines = result.Output.Trim().Split('\n');
        Assert.Equal("content", lines[0]);
        Assert.Contains($"works in {_folder.Mount}", lines[1], StringComparison.Ordinal);
        Assert.Equal("content", lines[2]);
        Assert.Contains("Leave out --allow-other", lines[3], StringComparison.Ordinal);
        Assert.Equal("1", lines[4]); // The device node's own bind mount, and nothing else.
    }

    /// <returns>The one sentence of the mount.</returns>
    private async Task<string> FailsAsync(string setUp, string become)
    {
        Requires.Fuse();
        Requires.Root();
        Requires.Program("fusermount3", "fuse3");
        CommandResult mounted = await InNamespaceAsync(setUp, $"{become} {Mlp.ShellCommand} mount {_folder.Source} {_folder.Mount}");
        Assert.Equal(1, mounted.ExitCode);
        string sentence = Assert.Single(mounted.Error.Trim().Split('\n'));
        Assert.StartsWith("mlp: ", sentence, StringComparison.Ordinal);

        await Command.ShellAsync($"rm -rf {_folder.Root}/dev {_folder.Root}/fuse");
        CommandResult doctor = await InNamespaceAsync(setUp, $"{become} {Mlp.ShellCommand} doctor");
        Assert.Equal(1, doctor.ExitCode);
        Assert.Contains("fail  ", doctor.Output, StringComparison.Ordinal);
        return sentence;
    }

    private Task<CommandResult> InNamespaceAsync(string setUp, string command)
    {
        Dictionary<string, string> environment = new(_folder.Environment) { ["DOTNET_CLI_HOME"] = _folder.Root, ["HOME"] = _folder.Root };
        return Command.RunAsync("unshare", ["-m", "bash", "-eu", "-c", $"chmod 755 {_folder.Root}; chown -R 65534:65534 {_folder.Root}\n{setUp}\n{command}"], null, environment);
    }
}
