using MLPlatform.Fuse;
using MLPlatform.Fuse.Kernel;
using Xunit;

namespace MLPlatform.Tests.Fuse;

public sealed class InitNegotiationTests
{
    private static readonly InitIn s_today = new() { Major = 7, Minor = 45, MaxReadahead = 131072, Flags = 0xFFFFFFFB, Flags2 = 0x7FD };

    [Fact]
    public void Answer_TodaysKernel_TakesPassthroughWithADepth()
    {
        FuseCapabilities capabilities = InitNegotiation.Answer(s_today, hasFlags2: true, new FuseSessionOptions { Passthrough = true }, out InitOut answer);
        Assert.True(capabilities.Passthrough);
        Assert.Equal(1u, answer.MaxStackDepth);
        Assert.NotEqual(0u, answer.Flags & (uint)InitFlags.InitExt);
        Assert.Equal(256, answer.MaxPages);
        Assert.Equal(1 << 20, capabilities.MaxReadBytes);
    }

    [Fact]
    public void Answer_PassthroughNotWanted_LeavesItOff()
    {
        Assert.False(InitNegotiation.Answer(s_today, hasFlags2: true, new FuseSessionOptions(), out InitOut answer).Passthrough);
        Assert.Equal(0u, answer.MaxStackDepth);
    }

    [Fact]
    public void Answer_KernelWithoutFlags2_TakesNothingFromThem()
    {
        InitIn old = s_today with { Minor = 31, Flags = s_today.Flags & ~(uint)InitFlags.InitExt };
        FuseCapabilities capabilities = InitNegotiation.Answer(old, hasFlags2: false, new FuseSessionOptions { Passthrough = true }, out InitOut answer);
        Assert.False(capabilities.Passthrough);
        Assert.False(capabilities.Resend);
        Assert.Equal(31u, answer.Minor);
        Assert.Equal(0u, answer.Flags2);
    }

    [Fact]
    public void Answer_KernelWithoutMaxPages_ReadsThirtyTwoPages()
    {
        InitIn old = s_today with { Minor = 27, Flags = (uint)InitFlags.AsyncRead };
        Assert.Equal(32 * 4096, InitNegotiation.Answer(old, hasFlags2: false, new FuseSessionOptions(), out _).MaxReadBytes);
    }
}
