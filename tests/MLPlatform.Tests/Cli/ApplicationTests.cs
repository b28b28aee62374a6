using System.Text.Json;
using MLPlatform.Cli;
using MLPlatform.Cli.Framework;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class ApplicationTests
{
    [Fact]
    public async Task Help_EveryVerb_ReadsLikeAManualPage()
    {
        foreach (Verb verb in CommandLine.CreateTree().Verbs)
        {
            (int code, string output, string error) = await CliRun.RunAsync([.. verb.Path.Split(' '), "--help"]);
            if (verb.TakesAnything)
            {
                continue;
            }

            Assert.True(code == 0, $"{verb.Path}: {error}");
            Assert.Empty(error);
            foreach (string heading in (string[])["NAME", "SYNOPSIS", "DESCRIPTION", "GENERAL OPTIONS", "EXIT CODES", "EXAMPLES"])
            {
                Assert.Contains($"\n{heading}\n", "\n" + output, StringComparison.Ordinal);
            }

            Assert.All(output.Split('\n'), l => Assert.True(l.Length <= 160 && l.TrimEnd() == l, $"{verb.Path}: '{l}'"));
        }
    }

    [Theory]
    [InlineData("help version")]
    [InlineData("version -h")]
    [InlineData("version --help --wrong")]
    public async Task Help_HoweverAsked_IsGiven(string line)
    {
        (int code, string output, _) = await CliRun.RunAsync(line);
        Assert.Equal(0, code);
        Assert.Contains("mlp version [OPTION…]", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoVerb_PrintsOverviewOnStderrAndIsWrongUsage()
    {
        (int code, string output, string error) = await CliRun.RunAsync([]);
        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.Contains("VERBS", error, StringComparison.Ordinal);
        Assert.Equal(0, (await CliRun.RunAsync("--help")).ExitCode);
        Assert.Equal(2, (await CliRun.RunAsync("config")).ExitCode);
    }

    [Fact]
    public async Task WrongUsage_IsOneSentenceOnStderr()
    {
        (int code, string output, string error) = await CliRun.RunAsync("versoin");
        Assert.Equal((2, "", "mlp: 'versoin' is no verb; did you mean 'mlp version'?\n"), (code, output, error));
    }

    [Fact]
    public async Task Version_Json_IsOneDocument()
    {
        (int code, string output, string error) = await CliRun.RunAsync("version --json");
        Assert.Equal((0, ""), (code, error));
        using JsonDocument document = JsonDocument.Parse(output);
        Assert.NotEmpty(document.RootElement.GetProperty("version").GetString()!);
    }

    [Fact]
    public async Task ConfigShow_TellsWhereEachValueCameFrom()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "quiet: true\n");
            (int code, string output, _) = await CliRun.RunAsync(["config", "show", "--json", "--config", file], new() { ["NO_COLOR"] = "1" });
            Assert.Equal(0, code);
            using JsonDocument document = JsonDocument.Parse(output);
            Dictionary<string, JsonElement> rows = document.RootElement.EnumerateArray().ToDictionary(static r => r.GetProperty("option").GetString()!);
            Assert.Equal(("true", $"{file}:1"), (rows["quiet"].GetProperty("value").GetString(), rows["quiet"].GetProperty("from").GetString()));
            Assert.Equal("NO_COLOR", rows["no-color"].GetProperty("from").GetString());
            Assert.Equal("command line", rows["config"].GetProperty("from").GetString());
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Config_UnknownKey_IsWrongUsageForEveryVerb()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "\nquite: true\n");
            (int code, _, string error) = await CliRun.RunAsync(["version", "--config", file]);
            Assert.Equal(2, code);
            Assert.Equal($"mlp: {file}:2: unknown option 'quite'; did you mean quiet?\n", error);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
