using MLPlatform.Core;
using MLPlatform.Tiers;
using Xunit;

namespace MLPlatform.Tests.Tiers;

public sealed class FileKeyTests
{
    private static readonly ObjectIdentity s_identity = ObjectIdentity.FromETag("0123456789abcdef0123456789abcdef");

    [Fact]
    public void Of_TheSameInput_IsTheSameForEver() =>

        // On disk: another value would make every cache cold.
        Assert.Equal("99223edf6849ce5b1050c5e6b4dd69d6", FileKey.Of(7, "s3://bucket"u8, "a/b"u8, s_identity, 1000).ToString());

    [Fact]
    public void Of_AnyPartThatDiffers_IsAnother()
    {
        FileKey[] keys =
        [
            FileKey.Of(7, "s3://bucket"u8, "a/b"u8, s_identity, 1000),
            FileKey.Of(8, "s3://bucket"u8, "a/b"u8, s_identity, 1000),
            FileKey.Of(7, "s3://bucket/"u8, "a/b"u8, s_identity, 1000),
            FileKey.Of(7, "s3://bucket/a"u8, "/b"u8, s_identity, 1000),
            FileKey.Of(7, "s3://bucket"u8, "a/c"u8, s_identity, 1000),
            FileKey.Of(7, "s3://bucket"u8, "a/b"u8, ObjectIdentity.FromETag("0123456789abcdef0123456789abcdee"), 1000),
            FileKey.Of(7, "s3://bucket"u8, "a/b"u8, ObjectIdentity.FromETag("0123456789abcdef0123456789abcdef-3"), 1000),
            FileKey.Of(7, "s3://bucket"u8, "a/b"u8, s_identity, 1001),
            FileKey.Of(7, "s3://bucket"u8, "a/b"u8, s_identity, 1000, baseOffset: 512),
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void Of_ALongPath_Works() =>
        Assert.NotEqual(default, FileKey.Of(7, "s3://bucket"u8, new byte[5000], s_identity, 1000));
}
