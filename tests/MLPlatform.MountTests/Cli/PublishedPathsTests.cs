using System.Text.Json;
using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Cli;

/// <summary>The paths of the program that trimming could cut: YAML, JSON, S3 and its credentials, completion, help, the demo. Each through the executable itself.</summary>
[Trait("Published", "true")]
public sealed class PublishedPathsTests : IAsyncLifetime
{
    private const string Bucket = "lab";

    private readonly CliFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [SkippableFact]
    public async Task ConfigFile_OfYaml_IsReadAndItsMistakesAreNamed()
    {
        string file = Path.Combine(_folder.Root, "mlp.yaml");
        await File.WriteAllTextAsync(file, "# of this test\nmemory: 96MiB\nanonymous: true\nprofile: \"shards\"\n");
        using JsonDocument shown = JsonDocument.Parse(await DoneAsync("config", "show", "--json", "--config", file));
        Assert.Contains("96MiB", shown.RootElement.GetRawText(), StringComparison.Ordinal);
        Assert.Matches("memory +96MiB .*mlp.yaml", await DoneAsync("config", "show", "--config", file));

        await File.WriteAllTextAsync(file, "memory: 96MiB\nregoin: x\n");
        CommandResult wrong = await _folder.MlpAsync("config", "show", "--config", file);
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("mlp.yaml:2: unknown option 'regoin'; did you mean region?", wrong.Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, "memory: \"96MiB\nregion: x\n");
        Assert.Contains("this is no YAML", (await _folder.MlpAsync("config", "show", "--config", file)).Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Dataset_OnS3ByCredentialsOfAProfile_LivesThroughAllItsVerbs()
    {
        MemorySource source = new(Bucket);
        source.Add(Bucket, "d/one", [1]);
        await using LightOrigin origin = await LightOrigin.StartAsync(source, new LightOriginOptions { AccessKey = "AKIDTEST", SecretKey = "secret" });
        string credentials = Path.Combine(_folder.Root, "credentials");
        await File.WriteAllTextAsync(credentials, "[lab]\naws_access_key_id = AKIDTEST\naws_secret_access_key = secret\n");
        _folder.Environment["AWS_SHARED_CREDENTIALS_FILE"] = credentials;
        await DoneAsync("dataset", "add", "data", $"s3://{Bucket}", "--endpoint-url", origin.Endpoint.ToString(), "--credentials", "profile:lab");
        source.Add(Bucket, "d/two", [1, 2]);
        using JsonDocument synced = JsonDocument.Parse(await DoneAsync("dataset", "sync", "data", "--json"));
        Assert.Equal(1, synced.RootElement.GetProperty("added").GetInt64());
        using JsonDocument versions = JsonDocument.Parse(await DoneAsync("dataset", "versions", "data", "--json"));
        Assert.Equal(2, versions.RootElement.GetArrayLength());
        using JsonDocument listed = JsonDocument.Parse(await DoneAsync("dataset", "list", "--json"));
        Assert.Equal("profile:lab", listed.RootElement[0].GetProperty("sources")[0].GetProperty("credentials").GetString());
        using JsonDocument shown = JsonDocument.Parse(await DoneAsync("dataset", "show", "data", "--json"));
        Assert.Equal(2, shown.RootElement.GetProperty("current").GetProperty("files").GetInt64());
        Assert.Contains("data", await DoneAsync("__complete", "--", "mount", "da"), StringComparison.Ordinal);
        await DoneAsync("dataset", "remove", "data", "--yes");
        Assert.Equal("[]", (await DoneAsync("dataset", "list", "--json")).Trim());
    }

    [SkippableFact]
    public async Task Completion_InBash_AsksTheProgramItself()
    {
        string script = Path.Combine(_folder.Root, "complete.bash");
        await File.WriteAllTextAsync(script, await DoneAsync("completion", "bash"));
        string program = $$"""
            mlp() { {{Mlp.ShellCommand}} "$@"; }
            source {{script}}
            COMP_LINE="mlp mount --profile=f"; COMP_POINT=${#COMP_LINE}
            _mlp 2>/dev/null
            echo "${COMPREPLY[*]}"
            """;
        Assert.Equal("files", (await Command.ShellAsync(program, null, _folder.Environment)).Output.Trim());
        Assert.Contains("#compdef", await DoneAsync("completion", "zsh"), StringComparison.Ordinal);
        Assert.Contains("complete -c mlp", await DoneAsync("completion", "fish"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Words_Help_Version_Doctor_ComeWhole()
    {
        Assert.Contains("EXAMPLES", await DoneAsync("mount", "--help"), StringComparison.Ordinal);
        using JsonDocument version = JsonDocument.Parse(await DoneAsync("version", "--json"));
        Assert.Equal(JsonValueKind.Object, version.RootElement.ValueKind);
        CommandResult doctor = await _folder.MlpAsync("doctor", "--json", _folder.Source);
        using JsonDocument findings = JsonDocument.Parse(doctor.Output);
        Assert.InRange(doctor.ExitCode, 0, 1);
        CommandResult typo = await _folder.MlpAsync("datset", "list");
        Assert.Equal(2, typo.ExitCode);
        Assert.Contains("did you mean", typo.Error, StringComparison.Ordinal);
    }

    private async Task<string> DoneAsync(params string[] arguments)
    {
        CommandResult result = await _folder.MlpAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result}");
        return result.Output;
    }
}
