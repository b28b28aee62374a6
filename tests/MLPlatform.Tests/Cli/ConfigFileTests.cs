using MLPlatform.Cli.Options;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class ConfigFileTests
{
    [Theory]
    [InlineData("# nothing but words\n")]
    [InlineData("")]
    [InlineData("---\n...\n")]
    public void Parse_Empty_GivesNothing(string text) => Assert.Empty(Parse(text).Entries);

    [Fact]
    public void Parse_Values_KeepsLines()
    {
        ConfigFile file = Parse("# first\nmemory: 1GiB\n\nanonymous: true\nregion: \"eu-central-1\"\n");
        Assert.Equal(["1GiB"], file.Entries["memory"].Texts);
        Assert.Equal(4, file.Entries["anonymous"].Line);
        Assert.Equal(["eu-central-1"], file.Entries["region"].Texts);
    }

    [Theory]
    [InlineData("memory: 1GiB\nregoin: x\n", "mlp.yaml:2: unknown option 'regoin'; did you mean region?")]
    [InlineData("zzz: x\n", "mlp.yaml:1: unknown option 'zzz'; 'mlp config show' lists the words that exist.")]
    [InlineData("json: true\n", "mlp.yaml:1: unknown option 'json'")]
    [InlineData("memory: [1GiB, 2GiB]\n", "mlp.yaml:1: memory takes one value.")]
    [InlineData("memory:\n", "memory takes one value.")]
    [InlineData("memory: {a: b}\n", "memory takes one value.")]
    [InlineData("- memory\n", "mlp.yaml:1: expected lines such as 'memory: 512MiB'.")]
    [InlineData("memory: 1\nmemory: 2\n", "mlp.yaml:")]
    [InlineData("memory: \"1\nregion: x\n", "this is no YAML")]
    [InlineData("memory: 1GiB\n---\nregion: x\n", "a second document starts here")]
    [InlineData("? [a]\n: b\n", "a key must be a plain word")]
    public void Parse_Wrong_NamesFileLineAndRemedy(string text, string part)
    {
        CacheException e = Assert.Throws<CacheException>(() => Parse(text));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.Contains("mlp.yaml:", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_Missing_SaysSo()
    {
        CacheException e = Assert.Throws<CacheException>(() => ConfigFile.Load("/nonexistent/mlp.yaml", MountSettings.All));
        Assert.Contains("/nonexistent/mlp.yaml does not exist", e.Message, StringComparison.Ordinal);
    }

    private static ConfigFile Parse(string text) =>
        ConfigFile.Parse("mlp.yaml", new StringReader(text), MountSettings.All.Concat(StoreSettings.All).Concat(OutputSettings.OfEveryVerb));
}
