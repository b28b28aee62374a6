using MLPlatform.Cli.Options;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class SettingResolverTests
{
    private static readonly Setting<long> s_memory = MountSettings.Memory;
    private static readonly Setting<IReadOnlyList<string>> s_list = new("word", "WORD", "A list.", [], static t => t, isRepeatable: true);

    [Fact]
    public void Resolve_AllSources_CommandLineBeatsEnvironmentBeatsFileBeatsDefault()
    {
        ConfigFile file = File("memory: 2GiB\n");
        Assert.Equal((4L << 30, SettingOrigin.CommandLine, "command line"), Resolve("4GiB", "3GiB", file));
        Assert.Equal((3L << 30, SettingOrigin.Environment, "MLP_MEMORY"), Resolve(null, "3GiB", file));
        Assert.Equal((2L << 30, SettingOrigin.File, "test.yaml:1"), Resolve(null, null, file));
        Assert.Equal((512L << 20, SettingOrigin.Default, "default"), Resolve(null, null, null));
        Assert.Equal((512L << 20, SettingOrigin.Default, "default"), Resolve(null, "", null));
    }

    [Fact]
    public void Resolve_GivenTwice_LastCounts()
    {
        Dictionary<Setting, IReadOnlyList<string>> given = new() { [s_memory] = ["1GiB", "2GiB"], [s_list] = ["a", "b"] };
        SettingValues values = SettingResolver.Resolve([s_memory, s_list], given, static _ => null, null);
        Assert.Equal(2L << 30, values.Get(s_memory));
        Assert.Equal(["a", "b"], values.Get(s_list));
    }

    [Fact]
    public void Resolve_RepeatableFromFileAndEnvironment_GivesLists()
    {
        ConfigFile file = File("word: [a, b]\n");
        Assert.Equal(["a", "b"], SettingResolver.Resolve([s_list], Nothing, static _ => null, file).Get(s_list));
        Assert.Equal(["c", "d"], SettingResolver.Resolve([s_list], Nothing, static _ => "c;d", file).Get(s_list));
    }

    [Theory]
    [InlineData("12x", "--memory: '12x' is no size; write it as 512MiB or 10G.")]
    public void Resolve_BadValue_NamesOptionValueAndRemedy(string text, string sentence)
    {
        CacheException e = Assert.Throws<CacheException>(() => Resolve(text, null, null));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Equal(sentence, e.Message);
    }

    [Fact]
    public void Resolve_BadValueFromElsewhere_NamesThePlace()
    {
        Assert.StartsWith("MLP_MEMORY: 'much'", Assert.Throws<CacheException>(() => Resolve(null, "much", null)).Message, StringComparison.Ordinal);
        Assert.StartsWith("test.yaml:2: memory: 'much'", Assert.Throws<CacheException>(() => Resolve(null, null, File("# words\nmemory: much\n"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_SecretWhereAReferenceBelongs_IsNotRepeated()
    {
        Dictionary<Setting, IReadOnlyList<string>> given = new() { [StoreSettings.Credentials] = ["AKIA:hunter2"] };
        CacheException e = Assert.Throws<CacheException>(() => SettingResolver.Resolve([StoreSettings.Credentials], given, static _ => null, null));
        Assert.DoesNotContain("hunter2", e.Message, StringComparison.Ordinal);
        Assert.Contains("never a secret", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_EndpointVariablesSwitchedOff_DoNotCount()
    {
        Dictionary<string, string> environment = new() { ["AWS_ENDPOINT_URL"] = "http://h:1" };
        Assert.Equal("http://h:1", Endpoint());
        environment["AWS_ENDPOINT_URL_S3"] = "http://s3:1/";
        Assert.Equal("http://s3:1", Endpoint());
        environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
        Assert.Null(Endpoint());

        string? Endpoint() => SettingResolver.Resolve([StoreSettings.EndpointUrl], Nothing, environment.GetValueOrDefault, null).Get(StoreSettings.EndpointUrl);
    }

    [Fact]
    public void Resolve_FlagOffOnCommandLine_BeatsTheFile()
    {
        Dictionary<Setting, IReadOnlyList<string>> given = new() { [StoreSettings.Anonymous] = ["false"] };
        Assert.False(SettingResolver.Resolve([StoreSettings.Anonymous], given, static _ => null, File("anonymous: true\n")).Get(StoreSettings.Anonymous));
    }

    private static Dictionary<Setting, IReadOnlyList<string>> Nothing => [];

    private static ConfigFile File(string text) => ConfigFile.Parse("test.yaml", new StringReader(text), [s_memory, s_list, StoreSettings.Anonymous]);

    private static (long Value, SettingOrigin Origin, string Where) Resolve(string? commandLine, string? environment, ConfigFile? file)
    {
        Dictionary<Setting, IReadOnlyList<string>> given = commandLine is null ? [] : new() { [s_memory] = [commandLine] };
        SettingValues values = SettingResolver.Resolve([s_memory], given, name => name == "MLP_MEMORY" ? environment : null, file);
        return (values.Get(s_memory), values[s_memory].Origin, values[s_memory].Where);
    }
}
