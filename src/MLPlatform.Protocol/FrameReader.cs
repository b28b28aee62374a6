using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>Cuts the stream into frames. One caller at a time.</summary>
/// <param name="pool">For payloads that do not fit <see cref="SmallBytes"/>.</param>
internal sealed class FrameReader(IFrameTransport transport, int maxPayloadBytes, BlockPool pool)
{
    /// <summary>Payloads up to here come even when the memory budget is full: answers that readers wait for have a few fields.</summary>
    public const int SmallBytes = 4096;

    private readonly PipeReader _input = transport.Input;
    private long _position;

    /// <returns>The caller disposes it; null when the stream has ended behind the last frame.</returns>
    /// <exception cref="CacheException"><c>Unreachable</c>: it ended within a frame; <c>Corrupt</c>, <c>Unsupported</c>: the stream cannot be followed any further.</exception>
    public async ValueTask<ReceivedFrame?> ReadAsync(CancellationToken cancellationToken)
    {
        if (await ReadHeaderAsync(cancellationToken) is not { } header)
        {
            return null;
        }

        if (!transport.TryTake(_position, header.Descriptors, out SafeFileHandle[] descriptors))
        {
            throw new CacheException(CacheError.Corrupt, "Descriptors and frames do not fit together.");
        }

        _position += FrameHeader.Bytes;
        bool isSmall = header.PayloadBytes <= SmallBytes;
        BlockLease? block = isSmall ? null : pool.TryRent(header.PayloadBytes);
        byte[] array = isSmall ? GC.AllocateUninitializedArray<byte>(header.PayloadBytes, pinned: true) : [];
        ReceivedFrame frame = new(header, array, block, descriptors, isDropped: !isSmall && block is null);
        try
        {
            Memory<byte> destination = block?.Memory ?? array;
            uint checksum = await FillAsync(header.PayloadBytes, destination, cancellationToken);
            return checksum == header.PayloadChecksum ? frame : throw new CacheException(CacheError.Corrupt, "A frame's payload is damaged.");
        }
        catch
        {
            frame.Dispose();
            throw;
        }
    }

    private async ValueTask<FrameHeader?> ReadHeaderAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            ReadResult result = await _input.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (buffer.Length >= FrameHeader.Bytes)
            {
                FrameHeader header = Parse(buffer.Slice(0, FrameHeader.Bytes));
                _input.AdvanceTo(buffer.GetPosition(FrameHeader.Bytes));
                return header.PayloadBytes <= maxPayloadBytes
                    ? header
                    : throw new CacheException(CacheError.Corrupt, $"A frame of {header.PayloadBytes} bytes is larger than was agreed.");
            }

            _input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted || result.IsCanceled)
            {
                return buffer.IsEmpty ? null : throw Ended();
            }
        }
    }

    private static FrameHeader Parse(in ReadOnlySequence<byte> bytes)
    {
        Span<byte> header = stackalloc byte[FrameHeader.Bytes];
        bytes.CopyTo(header);
        return FrameHeader.Read(header);
    }

    /// <param name="destination">Empty where the payload is dropped.</param>
    private async ValueTask<uint> FillAsync(int count, Memory<byte> destination, CancellationToken cancellationToken)
    {
        uint checksum = 0;
        while (count > 0)
        {
            ReadResult result = await _input.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> buffer = result.Buffer;
            ReadOnlySequence<byte> ours = buffer.Slice(0, Math.Min(buffer.Length, count));
            foreach (ReadOnlyMemory<byte> piece in ours)
            {
                checksum = Crc32C.Append(checksum, piece.Span);
                if (!destination.IsEmpty)
                {
                    piece.CopyTo(destination);
                    destination = destination[piece.Length..];
                }
            }

            count -= (int)ours.Length;
            _position += ours.Length;
            _input.AdvanceTo(ours.End);
            if (count > 0 && (result.IsCompleted || result.IsCanceled))
            {
                throw Ended();
            }
        }

        return checksum;
    }

    private static CacheException Ended() => new(CacheError.Unreachable, "The connection ended within a frame.");
}
