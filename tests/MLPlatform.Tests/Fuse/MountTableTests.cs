using MLPlatform.Fuse;
using Xunit;

namespace MLPlatform.Tests.Fuse;

public sealed class MountTableTests
{
    [Fact]
    public void Parse_LinesOfProc5_GivesTheirFields()
    {
        MountEntry entry = Assert.Single(MountTable.Parse([@"36 35 0:98 / /mnt/a\040b\134c ro,noatime master:1 - fuse.mlp s3://b/x\040y ro,user_id=0"]));
        Assert.Equal(new MountEntry(36, "0:98", @"/mnt/a b\c", "fuse.mlp", "s3://b/x y", "ro,noatime", "ro,user_id=0"), entry);
    }

    [Theory]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData("x y - z")]
    [InlineData("1 2 3 4 5 - a b")]
    public void Parse_BrokenLines_AreLeftOut(string line) => Assert.Empty(MountTable.Parse([line]));

    [Fact]
    public void Read_OnThisMachine_FindsTheRoot() => Assert.Contains(MountTable.Read(), entry => entry.Directory == "/");
}
