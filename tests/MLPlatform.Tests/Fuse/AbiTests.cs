using MLPlatform.Fuse.Kernel;
using Xunit;

namespace MLPlatform.Tests.Fuse;

public sealed unsafe class AbiTests
{
    [Fact]
    public void Structs_OnThisPlatform_HaveTheKernelsSizes()
    {
        Assert.Equal(40, sizeof(InHeader));
        Assert.Equal(16, sizeof(OutHeader));
        Assert.Equal(88, sizeof(Attr));
        Assert.Equal(104, sizeof(AttrOut));
        Assert.Equal(128, sizeof(EntryOut));
        Assert.Equal(64, sizeof(InitOut));
        Assert.Equal(16, sizeof(OpenOut));
        Assert.Equal(40, sizeof(ReadIn));
        Assert.Equal(40, sizeof(WriteIn));
        Assert.Equal(24, sizeof(ReleaseIn));
        Assert.Equal(24, sizeof(Dirent));
        Assert.Equal(80, sizeof(StatFsOut));
        Assert.Equal(24, sizeof(NotifyInvalInodeOut));
        Assert.Equal(16, sizeof(NotifyInvalEntryOut));
        Assert.Equal(16, sizeof(BackingMap));
    }

    [Theory]
    [InlineData(0L, 0L, 0u)]
    [InlineData(1_500_000_000L, 1L, 500_000_000u)]
    [InlineData(-1L, -1L, 999_999_999u)]
    [InlineData(-1_000_000_000L, -1L, 0u)]
    public void Attr_AnyMtime_HasSecondsRoundedDown(long nanoseconds, long seconds, uint rest)
    {
        Attr attr = default;
        Abi.Fill(ref attr, new MLPlatform.Fuse.FuseAttributes { MtimeNanoseconds = nanoseconds });
        Assert.Equal(seconds, attr.Mtime);
        Assert.Equal(rest, attr.MtimeNanoseconds);
    }
}
