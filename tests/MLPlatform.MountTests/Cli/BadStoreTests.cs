using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Cli;

/// <summary>Stores that cannot be mounted: one sentence with its remedy, the right exit code, nothing mounted and nobody left running.</summary>
[Trait("Published", "true")]
public sealed class BadStoreTests : IAsyncLifetime
{
    private const string Bucket = "lab";
    private const string AccessKey = "AKIDTEST";
    private const string SecretKey = "theSecretThatIsRight";

    private readonly CliFolder _folder = new();
    private LightOrigin _origin = null!;

    public async Task InitializeAsync()
    {
        Requires.Fuse();
        MemorySource source = new(Bucket);
        source.Add(Bucket, "file", [1, 2, 3]);
        _origin = await LightOrigin.StartAsync(source, new LightOriginOptions { AccessKey = AccessKey, SecretKey = SecretKey });
        _folder.Environment["AWS_ENDPOINT_URL"] = _origin.Endpoint.ToString();
        _folder.Environment["AWS_ACCESS_KEY_ID"] = AccessKey;
        _folder.Environment["AWS_SECRET_ACCESS_KEY"] = SecretKey;
        _folder.Environment["AWS_SHARED_CREDENTIALS_FILE"] = _folder.Environment["AWS_CONFIG_FILE"] = Path.Combine(_folder.Root, "none");
    }

    public async Task DisposeAsync()
    {
        await _folder.DisposeAsync();
        await _origin.DisposeAsync();
    }

    [SkippableTheory]
    [InlineData("background")]
    [InlineData("foreground")]
    [InlineData("dataset")]
    public async Task Bucket_Missing_IsNamed(string how) => await FailsAsync(how, "s3://no-such-bucket", "'no-such-bucket' does not exist", "check its name and --endpoint-url");

    [SkippableTheory]
    [InlineData("background")]
    [InlineData("foreground")]
    [InlineData("dataset")]
    public async Task Credentials_Missing_SaysHowToGiveThem(string how)
    {
        _folder.Environment["AWS_ACCESS_KEY_ID"] = _folder.Environment["AWS_SECRET_ACCESS_KEY"] = "";
        await FailsAsync(how, $"s3://{Bucket}", "There are no S3 credentials", "or --anonymous");
    }

    [SkippableTheory]
    [InlineData("background")]
    [InlineData("foreground")]
    [InlineData("dataset")]
    public async Task Secret_Wrong_IsSaidAndNotShown(string how)
    {
        _folder.Environment["AWS_SECRET_ACCESS_KEY"] = "theSecretThatIsWrong";
        string sentence = await FailsAsync(how, $"s3://{Bucket}", "refuses the secret key", "check AWS_SECRET_ACCESS_KEY");
        Assert.DoesNotContain("theSecretThatIsWrong", sentence, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AccessKey_Unknown_IsSaid()
    {
        _folder.Environment["AWS_ACCESS_KEY_ID"] = "AKIDNOBODY";
        await FailsAsync("background", $"s3://{Bucket}", "does not know the access key", "check AWS_ACCESS_KEY_ID");
    }

    [SkippableTheory]
    [InlineData("background")]
    [InlineData("foreground")]
    [InlineData("dataset")]
    public async Task Endpoint_RefusesConnections_IsNamed(string how)
    {
        await using FaultProxy proxy = await FaultProxy.StartAsync(_origin.Endpoint);
        proxy.StopListening(); // The port stays taken and answers with a reset.
        _folder.Environment["AWS_ENDPOINT_URL"] = proxy.Endpoint.ToString();
        await FailsAsync(how, $"s3://{Bucket}", $"{proxy.Address} refused the connection", "check --endpoint-url and that a server runs there");
    }

    [SkippableFact]
    public async Task Endpoint_HasNoAddress_IsNamed()
    {
        _folder.Environment["AWS_ENDPOINT_URL"] = "http://no-such-host.invalid";
        await FailsAsync("background", $"s3://{Bucket}", "no-such-host.invalid has a name that cannot be resolved", "check --endpoint-url");
    }

    [SkippableTheory]
    [InlineData("foreground")]
    [InlineData("dataset")]
    public async Task Endpoint_TakesRequestsAndNeverAnswers_IsGivenUp(string how) // In the background: MountVerbTests.
    {
        await using FaultProxy proxy = await FaultProxy.StartAsync(_origin.Endpoint);
        using InjectedFault hole = proxy.Inject(Fault.BlackHole);
        _folder.Environment["AWS_ENDPOINT_URL"] = proxy.Endpoint.ToString();
        await FailsAsync(how, $"s3://{Bucket}", "did not answer", "check --endpoint-url and the network");
        Assert.True(hole.Hits > 0);
    }

    [SkippableTheory]
    [InlineData("background")]
    [InlineData("foreground")]
    [InlineData("dataset")]
    public async Task Directory_Missing_IsNamed(string how) => await FailsAsync(how, _folder.Root + "/nothing", _folder.Root + "/nothing does not exist", "check its path");

    /// <returns>The one sentence, which ends the command with exit code 1.</returns>
    private async Task<string> FailsAsync(string how, string source, string problem, string remedy)
    {
        CommandResult result = how switch
        {
            "foreground" => await _folder.MlpAsync("mount", "-f", source, _folder.Mount),
            "dataset" => await _folder.MlpAsync("dataset", "add", "data", source),
            _ => await _folder.MlpAsync("mount", source, _folder.Mount),
        };
        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Equal("", result.Output);
        string sentence = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), static line => line.StartsWith("mlp: ", StringComparison.Ordinal));
        Assert.Contains(problem, sentence, StringComparison.Ordinal);
        Assert.Contains(remedy, sentence, StringComparison.Ordinal);
        Assert.False(_folder.IsMounted);
        string left = (await Command.ShellAsync($"grep -lF {_folder.Mount} /proc/[0-9]*/cmdline 2>/dev/null || true")).Output;
        Assert.DoesNotContain(left.Split('\n', StringSplitOptions.RemoveEmptyEntries), IsServer);
        return sentence;
    }

    /// <summary>Of us, and not the shell that looked.</summary>
    private static bool IsServer(string path)
    {
        try
        {
            return File.ReadAllText(path).Contains("\0mount\0", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // It has ended.
        }
    }
}
