using System.Buffers.Binary;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>The 32 bytes before each frame's payload, as docs/PROTOCOL.md has them. Integers are little-endian.</summary>
/// <param name="Id">Of the request this frame is about; each side counts its own. 0 in the handshake.</param>
/// <param name="PayloadBytes">Bytes behind the header.</param>
/// <param name="Descriptors">File descriptors that come with the frame's first byte.</param>
/// <param name="DeadlineMilliseconds">Of a request: how long its sender will wait from now on.</param>
/// <param name="Method">Of a request: what is wanted, by numbers of the application.</param>
/// <param name="Status">Of a response or refusal: 0, or a <see cref="FrameStatus"/>.</param>
/// <param name="PayloadChecksum">CRC-32C of the payload.</param>
internal readonly record struct FrameHeader(
    FrameKind Kind, ulong Id, int PayloadBytes, byte Descriptors, uint DeadlineMilliseconds, ushort Method, ushort Status, uint PayloadChecksum)
{
    public const int Bytes = 32;

    public const byte Version = 1;

    public void Write(Span<byte> destination)
    {
        Span<byte> header = destination[..Bytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, PayloadBytes);
        header[4] = Version;
        header[5] = (byte)Kind;
        header[6] = Descriptors;
        header[7] = 0;
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], Id);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], DeadlineMilliseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(header[20..], Method);
        BinaryPrimitives.WriteUInt16LittleEndian(header[22..], Status);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], PayloadChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], Crc32C.Of(header[..28]));
    }

    /// <exception cref="CacheException"><c>Corrupt</c>: no whole header; <c>Unsupported</c>: of another version of the protocol.</exception>
    public static FrameHeader Read(ReadOnlySpan<byte> header)
    {
        Invariant.That(header.Length == Bytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header[28..]) != Crc32C.Of(header[..28]))
        {
            throw new CacheException(CacheError.Corrupt, "A frame's header is damaged.");
        }

        if (header[4] != Version)
        {
            throw new CacheException(CacheError.Unsupported, $"The other process speaks version {header[4]} of the protocol, and this one version {Version}.");
        }

        FrameHeader read = new(
            (FrameKind)header[5],
            BinaryPrimitives.ReadUInt64LittleEndian(header[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(header),
            header[6],
            BinaryPrimitives.ReadUInt32LittleEndian(header[16..]),
            BinaryPrimitives.ReadUInt16LittleEndian(header[20..]),
            BinaryPrimitives.ReadUInt16LittleEndian(header[22..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[24..]));
        if (read.Kind is < FrameKind.Hello or > FrameKind.Cancel || read.PayloadBytes < 0 || header[7] != 0)
        {
            throw new CacheException(CacheError.Corrupt, "A frame's header makes no sense.");
        }

        return read;
    }
}
