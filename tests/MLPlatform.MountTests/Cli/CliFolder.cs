using MLPlatform.Fuse;
using MLPlatform.MountTests.Support;

namespace MLPlatform.MountTests.Cli;

/// <summary>A folder for one test: a source with one file, a mount point, state, run and log directories of its own. At disposal nothing of it may be mounted or running.</summary>
public sealed class CliFolder : IAsyncDisposable
{
    public CliFolder()
    {
        Root = Directory.CreateTempSubdirectory("mlp-cli-").FullName;
        Source = Make("source");
        Mount = Make("mnt");
        Make("run");
        File.WriteAllText(Path.Combine(Source, "file"), "content\n");
        Environment = new Dictionary<string, string>(MountedSource.Environment(Root))
        {
            ["MLP_LOG_FILE"] = Log,
            ["NO_COLOR"] = "1",
            ["AWS_EC2_METADATA_DISABLED"] = "true",
        };
    }

    public string Root { get; }

    public string Source { get; }

    public string Mount { get; }

    public string Log => Path.Combine(Root, "mlp.log");

    public Dictionary<string, string> Environment { get; }

    public bool IsMounted => MountTable.Read().Any(m => m.Directory == Mount);

    public Task<CommandResult> MlpAsync(params string[] arguments) => Mlp.RunAsync(arguments, Environment);

    /// <summary>The server of the mount, as <c>mlp info</c> tells.</summary>
    public async Task<int> ServerAsync()
    {
        CommandResult info = await MlpAsync("info", "--json", Mount);
        using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(info.Output);
        return document.RootElement[0].GetProperty("pid").GetInt32();
    }

    public string Make(string name) => Directory.CreateDirectory(Path.Combine(Root, name)).FullName;

    public async ValueTask DisposeAsync()
    {
        while (IsMounted)
        {
            await MlpAsync("umount", "--lazy", Mount);
            if (FuseMount.Unmount(Mount, lazy: true) != Errno.None)
            {
                break;
            }
        }

        Directory.Delete(Root, recursive: true);
    }
}
