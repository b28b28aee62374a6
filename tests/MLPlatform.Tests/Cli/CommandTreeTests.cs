using MLPlatform.Cli;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Cli.Verbs;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class CommandTreeTests
{
    private readonly CommandTree _tree = new(
        [new MountVerb(static (_, _, _) => throw new InvalidOperationException("nothing is mounted here")), new UmountVerb(), new VersionVerb()], new Dictionary<string, string>());

    [Theory]
    [InlineData("mount --anonymos s3://b /d", "unknown option --anonymos; did you mean --anonymous?")]
    [InlineData("mount s3://b /d --anonymos=true", "unknown option --anonymos; did you mean --anonymous?")]
    [InlineData("mount s3://b /d -x", "unknown option -x; 'mlp mount --help' lists those that exist.")]
    [InlineData("umount --anonymous /d", "--anonymous is an option of 'mlp mount', not of 'mlp umount'.")]
    [InlineData("mount s3://b", "DIR is missing; usage: mlp mount SOURCE DIR")]
    [InlineData("mount", "SOURCE and DIR are missing; usage: mlp mount SOURCE DIR")]
    [InlineData("mount s3://b /d /e", "'/e' is one word too many; usage: mlp mount SOURCE DIR")]
    [InlineData("mount s3://b /d --memory", "--memory needs a value: --memory SIZE.")]
    [InlineData("mount s3://b /d --memory --json", "--memory needs a value: --memory SIZE.")]
    [InlineData("mount s3://b /d --memory=", "--memory needs a value: --memory SIZE.")]
    [InlineData("mount s3://b /d -o", "-o needs a value: --options OPTS.")]
    [InlineData("mout s3://b /d", "'mout' is no verb; did you mean 'mlp mount'?")]
    [InlineData("zzzzzz", "'zzzzzz' is no verb; there are mount, umount, version.")]
    [InlineData("--anonymous mount s3://b /d", "unknown option --anonymous; options of a verb come after it, as in 'mlp mount --anonymous'.")]
    [InlineData("--jsno version", "unknown option --jsno; did you mean --json?")]
    public void Parse_WrongUsage_NamesTheNearestRightWord(string line, string part)
    {
        CacheException e = Assert.Throws<CacheException>(() => _tree.Parse(line.Split(' ')));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mount -f --memory 1GiB s3://b /d")]
    [InlineData("mount s3://b /d --memory=1GiB -f")]
    [InlineData("mount s3://b --foreground --memory 2GiB --memory 1GiB /d")]
    [InlineData("--json mount -f s3://b --memory 1GiB -- /d")]
    public void Parse_AnyOrder_MeansTheSame(string line)
    {
        ParsedCommand parsed = _tree.Parse(line.Split(' '));
        Assert.Equal("mount", parsed.Verb?.Path);
        Assert.Equal(["s3://b", "/d"], parsed.Operands);
        Assert.Equal("1GiB", parsed.Given[MountSettings.Memory][^1]);
        Assert.Equal(["true"], parsed.Given[MountSettings.Foreground]);
    }

    [Fact]
    public void Parse_BehindDoubleDash_NothingIsAnOption() => Assert.Equal(["-s", "--weird"], _tree.Parse(["mount", "--", "-s", "--weird"]).Operands);

    [Fact]
    public void Parse_FlagBeforeOperand_LeavesItAlone()
    {
        Assert.Equal(["s3://b", "/d"], _tree.Parse(["mount", "--live", "s3://b", "/d"]).Operands);
        Assert.Equal(["false"], _tree.Parse(["mount", "--live=false", "s3://b", "/d"]).Given[MountSettings.Live]);
    }

    [Fact]
    public void Parse_AtSign_IsNoResponseFile() => Assert.Equal("@x", _tree.Parse(["mount", "@x", "/d"]).Operands[0]);

    [Fact]
    public void Verbs_All_HaveSummaryDescriptionExamplesAndDescribedSettings()
    {
        foreach (Verb verb in CommandLine.CreateTree().Verbs)
        {
            Assert.NotEmpty(verb.Summary);
            Assert.False(verb.Summary.EndsWith('.'), verb.Path);
            Assert.NotEmpty(verb.Description);
            Assert.NotEmpty(verb.Examples);
            Assert.All(verb.Examples, e => Assert.Contains("mlp", e.Command, StringComparison.Ordinal));
            Assert.All(verb.Settings, s => Assert.True(s.Description.EndsWith('.'), $"{verb.Path} {s}"));
        }
    }

    [Fact]
    public void Settings_OfOneName_AreOneObject()
    {
        IEnumerable<IGrouping<string, Setting>> names = CommandLine.CreateTree().AllSettings.Where(static s => !s.IsPerCall).GroupBy(static s => s.Name);
        Assert.All(names, n => Assert.Single(n));
    }
}
