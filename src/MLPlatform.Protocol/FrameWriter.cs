using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>Puts frames into the stream, whole or not at all. One caller at a time; nothing has left before the pipe is flushed.</summary>
internal sealed class FrameWriter(IFrameTransport transport)
{
    private readonly PipeWriter _output = transport.Output;
    private long _position;

    /// <param name="header">Without the lengths and checksums of what follows.</param>
    public void Write(FrameHeader header, in FramePayload payload, ReadOnlySpan<SafeFileHandle> descriptors)
    {
        uint checksum = Crc32C.Of(payload.Fields.Span);
        foreach (NativeSegment segment in payload.Bulk.Span)
        {
            checksum = Crc32C.Append(checksum, Bytes(segment));
        }

        header = header with { PayloadBytes = payload.Length, PayloadChecksum = checksum, Descriptors = (byte)descriptors.Length };
        if (descriptors.Length > 0)
        {
            transport.Attach(_position, descriptors);
        }

        header.Write(_output.GetSpan(FrameHeader.Bytes));
        _output.Advance(FrameHeader.Bytes);
        _output.Write(payload.Fields.Span);
        foreach (NativeSegment segment in payload.Bulk.Span)
        {
            _output.Write(Bytes(segment));
        }

        _position += FrameHeader.Bytes + header.PayloadBytes;
    }

    public ValueTask<FlushResult> FlushAsync() => _output.FlushAsync(CancellationToken.None);

    private static unsafe ReadOnlySpan<byte> Bytes(in NativeSegment segment) => new((void*)segment.Address, (int)segment.Length);
}
