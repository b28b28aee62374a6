using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class FstabOptionsTests
{
    private static readonly Setting[] s_known = [.. MountSettings.All, .. StoreSettings.All];

    [Fact]
    public void Parse_WhatFstabHolds_BecomesSettingsAndTheRestIsIgnored()
    {
        IReadOnlyDictionary<Setting, IReadOnlyList<string>> values = FstabOptions.Parse(
            ["rw,_netdev,noauto,nofail,x-systemd.automount,x-systemd.idle-timeout=60,user,allow_other,uid=1000,file_mode=0444,profile=shards", "endpoint_url=http://127.0.0.1:7480,no-passthrough"],
            s_known,
            isSloppy: false);
        Assert.Equal(["true"], values[MountSettings.AllowOther]);
        Assert.Equal(["1000"], values[MountSettings.Uid]);
        Assert.Equal(["0444"], values[MountSettings.FileMode]);
        Assert.Equal(["shards"], values[MountSettings.Profile]);
        Assert.Equal(["http://127.0.0.1:7480"], values[StoreSettings.EndpointUrl]);
        Assert.Equal(["true"], values[MountSettings.NoPassthrough]);
        Assert.Equal(6, values.Count);
    }

    [Theory]
    [InlineData("allow_ohter", "unknown mount option 'allow_ohter'; did you mean allow_other?")]
    [InlineData("_netdve", "did you mean _netdev?")]
    [InlineData("zzzz", "unknown mount option 'zzzz'; 'mlp mount --help' lists those that exist.")]
    [InlineData("uid", "-o uid needs a value: uid=ID.")]
    [InlineData("remount", "-o remount is not possible: a mount cannot change its options")]
    public void Parse_Wrong_SaysWhatIsRight(string list, string part)
    {
        CacheException e = Assert.Throws<CacheException>(() => FstabOptions.Parse([list], s_known, isSloppy: false));
        Assert.Equal(CacheError.Configuration, e.Error);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_UnknownWhenSloppy_IsIgnored() => Assert.Empty(FstabOptions.Parse(["zzzz"], s_known, isSloppy: true));

    [Theory]
    [InlineData("a,b", "a|b")]
    [InlineData("a,,b,", "a|b")]
    [InlineData("a=\"x,y\",b", "a=x,y|b")]
    [InlineData("a=x\\,y,b", "a=x,y|b")]
    [InlineData("a=x\\\\,b", "a=x\\|b")]
    [InlineData("", "")]
    public void Split_QuotesAndBackslashes_KeepCommas(string list, string words) => Assert.Equal(words, string.Join('|', FstabOptions.Split(list)));
}
