using System.Buffers;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.UnderStore;

namespace MLPlatform.CacheWorker;

/// <summary>
/// Stands between a store and a reader's memory: passes bytes on as they come and computes the checksum of each 64 KiB unit on the way, the only
/// time they are looked at. What lies in the reader's memory is what goes to disk: nothing is copied. Used by one fetch, from one thread at a time.
/// </summary>
/// <param name="inner">The reader's sink; its memory stays put until the fetch has returned.</param>
/// <param name="offset">Of the first byte in the file.</param>
/// <param name="count">Bytes that will come.</param>
/// <param name="fileSize">Tells whether the last unit is short.</param>
internal sealed class FillSink(IReadSink inner, long offset, long count, long fileSize) : IReadSink, IDisposable
{
    // Bytes before the first whole unit are passed on, not kept.
    private readonly long _firstUnit = CacheUnits.UnitsOf(offset);
    private readonly uint[] _checksums = new uint[Math.Max(0, UnitsIn(offset, count, fileSize))];
    private readonly List<NativeSegment> _segments = [];
    private readonly List<MemoryHandle> _handles = [];
    private long _position = offset;
    private uint _crc;
    private nint _address;
    private Memory<byte> _buffer;

    public Memory<byte> NextBuffer
    {
        get
        {
            Memory<byte> next = inner.NextBuffer;
            if (!next.IsEmpty)
            {
                MemoryHandle handle = next.Pin();
                unsafe
                {
                    _address = (nint)handle.Pointer;
                }

                _handles.Add(handle);
            }

            _buffer = next;
            return next;
        }
    }

    /// <summary>The first unit that is kept whole.</summary>
    public long FirstUnit => _firstUnit;

    /// <summary>Checksums of the units that have come whole, from <see cref="FirstUnit"/> on.</summary>
    public ReadOnlyMemory<uint> Checksums => _checksums.AsMemory(0, WholeUnits);

    public int WholeUnits { get; private set; }

    public void Advance(int advanced)
    {
        Keep(advanced);
        _position += advanced;
        _address += advanced;
        _buffer = _buffer[advanced..];
        inner.Advance(advanced);
    }

    /// <summary>Where the bytes of whole units <paramref name="unit"/> … lie, at most <paramref name="units"/> of them.</summary>
    public NativeSegment[] Payload(int unit, int units)
    {
        long skip = ((long)unit * CacheUnits.UnitBytes);
        long left = Math.Min(fileSize - ((_firstUnit + unit) * CacheUnits.UnitBytes), (long)units * CacheUnits.UnitBytes);
        List<NativeSegment> payload = [];
        foreach (NativeSegment segment in _segments)
        {
            if (skip >= segment.Length)
            {
                skip -= segment.Length;
                continue;
            }

            long length = Math.Min(left, segment.Length - skip);
            payload.Add(new NativeSegment(segment.Address + (nint)skip, (nint)length));
            left -= length;
            skip = 0;
            if (left == 0)
            {
                break;
            }
        }

        Invariant.That(left == 0, "whole units have all their bytes");
        return [.. payload];
    }

    public void Dispose()
    {
        foreach (MemoryHandle handle in _handles)
        {
            handle.Dispose();
        }

        _handles.Clear();
    }

    private static int UnitsIn(long offset, long count, long fileSize)
    {
        long end = offset + count;
        long last = end == fileSize ? CacheUnits.UnitsOf(end) : end / CacheUnits.UnitBytes;
        return (int)(last - CacheUnits.UnitsOf(offset));
    }

    private void Keep(int advanced)
    {
        long keepFrom = _firstUnit * CacheUnits.UnitBytes;
        int skip = (int)Math.Clamp(keepFrom - _position, 0, advanced);
        int length = advanced - skip;
        if (length == 0 || _checksums.Length == 0)
        {
            return;
        }

        nint address = _address + skip;
        if (_segments.Count > 0 && _segments[^1] is var last && last.Address + last.Length == address)
        {
            _segments[^1] = new NativeSegment(last.Address, last.Length + length);
        }
        else
        {
            _segments.Add(new NativeSegment(address, length));
        }

        long position = _position + skip;
        ReadOnlySpan<byte> bytes = _buffer.Span.Slice(skip, length);
        while (!bytes.IsEmpty && WholeUnits < _checksums.Length)
        {
            long unitEnd = Math.Min(fileSize, ((position / CacheUnits.UnitBytes) + 1) * CacheUnits.UnitBytes);
            int part = (int)Math.Min(bytes.Length, unitEnd - position);
            _crc = Crc32C.Append(_crc, bytes[..part]);
            position += part;
            bytes = bytes[part..];
            if (position == unitEnd)
            {
                _checksums[WholeUnits++] = _crc;
                _crc = 0;
            }
        }
    }
}
