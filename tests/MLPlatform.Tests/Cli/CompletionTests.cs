using System.Diagnostics;
using MLPlatform.Cli.Framework;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class CompletionTests
{
    [Theory]
    [InlineData("ver", "version")]
    [InlineData("completion ", "bash,fish,zsh")]
    [InlineData("completion z", "zsh")]
    [InlineData("config ", "show")]
    [InlineData("version --js", "--json")]
    [InlineData("--no", "--no-color")]
    [InlineData("umount --l", "--lazy")]
    [InlineData("--config x vers", "version")]
    [InlineData("mount -o ro,all", "ro,allow_other")]
    [InlineData("mount -o ro,profile=s", "ro,profile=shards")]
    [InlineData("mount --profile=f", "--profile=files")]
    [InlineData("mount --path-style o", "off,on")]
    [InlineData("version x y ", "")]
    public async Task Complete_HalfALine_OffersWhatMayComeNext(string line, string words) => Assert.Equal(words, string.Join(',', (await CompleteAsync(line)).Words.Order(StringComparer.Ordinal)));

    [Fact]
    public async Task Complete_ConfigFile_AsksForFiles() => Assert.Equal("files", (await CompleteAsync("version --config ")).Files);

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task Script_IsSyntaxThatItsShellAccepts(string shell)
    {
        (_, string script, _) = await CliRun.RunAsync(["completion", shell]);
        Assert.Contains("__complete", script, StringComparison.Ordinal);
        if (!File.Exists("/bin/" + shell) && !File.Exists("/usr/bin/" + shell))
        {
            return; // zsh and fish are rarely installed; their lines were tried by hand.
        }

        (int code, _, string error) = await ShellAsync(shell, ["-n", "/dev/stdin"], script);
        Assert.True(code == 0, error);
    }

    // Bash itself cuts the line into COMP_WORDS and calls the function; here it is called as bash would, with a mlp that answers as ours.
    [Theory]
    [InlineData("mlp conf", "config")]
    [InlineData("mlp config ", "show")]
    [InlineData("mlp completion f", "fish")]
    [InlineData("mlp config show --json --no-c", "--no-color")]
    public async Task BashFunction_CalledAsBashDoes_FillsCompreply(string line, string expected)
    {
        (_, string script, _) = await CliRun.RunAsync(["completion", "bash"]);
        string[] words = [.. line.Split(' ').Skip(1)];
        (_, string answer, _) = await CliRun.RunAsync(["__complete", "--", .. words]);
        string program = $$"""
            mlp() { cat <<'ANSWER'
            {{answer}}ANSWER
            }
            {{script}}
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}}
            _mlp
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        (int code, string output, string error) = await ShellAsync("bash", ["--norc", "/dev/stdin"], program);
        Assert.True(code == 0, error);
        Assert.Equal(expected, output.Trim());
    }

    [Fact]
    public async Task BashFunction_WordWithColon_LosesWhatBashHasAlready()
    {
        (_, string script, _) = await CliRun.RunAsync(["completion", "bash"]);
        string program = $$"""
            mlp() { printf 'imagenet@sha256:4f2a\timage net\n:\n'; }
            {{script}}
            COMP_LINE='mlp mount imagenet@sha256:4' COMP_POINT=27
            _mlp
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        (_, string output, _) = await ShellAsync("bash", ["--norc", "/dev/stdin"], program);
        Assert.Equal("4f2a", output.Trim());
    }

    private static async Task<(List<string> Words, string Files)> CompleteAsync(string line)
    {
        (int code, string output, string error) = await CliRun.RunAsync(["__complete", "--", .. line.Split(' ')]);
        Assert.True(code == ExitCodes.Done, error);
        List<string> lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        return ([.. lines.SkipLast(1).Select(static l => l.Split('\t')[0])], lines[^1][1..]);
    }

    private static async Task<(int Code, string Output, string Error)> ShellAsync(string shell, string[] arguments, string input)
    {
        using Process process = Process.Start(new ProcessStartInfo(shell, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(30));
        await process.WaitForExitAsync(deadline.Token);
        return (process.ExitCode, await output, await error);
    }
}
