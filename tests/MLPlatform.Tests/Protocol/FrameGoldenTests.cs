using MLPlatform.Core;
using MLPlatform.Protocol;
using Xunit;

namespace MLPlatform.Tests.Protocol;

/// <summary>The bytes of docs/PROTOCOL.md. A change here is a change of the protocol's version.</summary>
public sealed class FrameGoldenTests
{
    private const string Request = "030000000104020008070605040302018813000007000000B73F4B369E17861E";
    private const string Hello = "6D6C706672616D656D6C702D7465737439300000000020000001000000008000";

    [Fact]
    public void Header_OfARequest_HasTheDocumentedBytes()
    {
        byte[] bytes = new byte[FrameHeader.Bytes];
        FrameHeader header = new(FrameKind.Request, 0x0102030405060708, 3, 2, 5000, 7, 0, Crc32C.Of("abc"u8));
        header.Write(bytes);
        Assert.Equal(Request, Convert.ToHexString(bytes));
        Assert.Equal(header, FrameHeader.Read(bytes));
    }

    [Fact]
    public void Greeting_HasTheDocumentedBytes()
    {
        Greeting greeting = new("mlp-test", 12345, new FrameLimits());
        Assert.Equal(Hello, Convert.ToHexString(greeting.Write()));
        Assert.Equal(greeting, Greeting.Read(greeting.Write(), "mlp-test"));
    }

    [Fact]
    public void Status_OfEachError_IsANumberOfItsOwn()
    {
        CacheError[] errors = Enum.GetValues<CacheError>();
        Assert.Equal(errors, errors.Select(error => FrameStatus.ErrorOf(FrameStatus.Of(error))));
        Assert.Equal(errors.Length, errors.Select(FrameStatus.Of).Distinct().Count());
        Assert.Equal((ushort)7, FrameStatus.Of(CacheError.Unreachable));
        Assert.Equal(CacheError.Unsupported, FrameStatus.ErrorOf(999));
    }

    [Fact]
    public void Header_AnyBitChanged_IsRefused()
    {
        byte[] bytes = Convert.FromHexString(Request);
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] wrong = [.. bytes];
            wrong[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<CacheException>(() => FrameHeader.Read(wrong));
        }
    }
}
