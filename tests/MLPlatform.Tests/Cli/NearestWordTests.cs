using MLPlatform.Cli.Framework;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class NearestWordTests
{
    private static readonly string[] s_words = ["--anonymous", "--allow-other", "--memory", "--metadata-ttl", "--json", "--live"];

    [Theory]
    [InlineData("--anonymos", "--anonymous")]
    [InlineData("--anon", "--anonymous")]
    [InlineData("--allow_other", "--allow-other")]
    [InlineData("--memroy", "--memory")]
    [InlineData("--JSON", "--json")]
    [InlineData("--metadata-ttl", "--metadata-ttl")]
    public void Find_Typo_GivesTheWordMeant(string typed, string meant) => Assert.Equal(meant, NearestWord.Find(typed, s_words));

    [Theory]
    [InlineData("--passthrough")]
    [InlineData("x")]
    [InlineData("")]
    public void Find_AnotherWord_GivesNothing(string typed) => Assert.Null(NearestWord.Find(typed, s_words));

    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("abc", "abc", 0)]
    [InlineData("abc", "acb", 1)]
    [InlineData("abc", "abd", 1)]
    [InlineData("abc", "xabc", 1)]
    [InlineData("a_c", "a-c", 0)]
    public void Distance_CountsMistakes(string a, string b, int expected)
    {
        Assert.Equal(expected, NearestWord.Distance(a, b));
        Assert.Equal(expected, NearestWord.Distance(b, a));
    }
}
