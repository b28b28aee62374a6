using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Segments;

internal sealed partial class SegmentStore
{
    /// <summary>Memory that <see cref="TryRead"/> needs for these bytes: the record's header and the whole units they lie in.</summary>
    /// <param name="fileBytes">Of the file.</param>
    public static int ScratchBytes(int fileBytes, long offset, int count)
    {
        if (count <= 0 || offset >= fileBytes)
        {
            return SegmentFormat.MaxRecordHeaderBytes;
        }

        (int first, int end) = UnitsAround(fileBytes, offset, count);
        return SegmentFormat.MaxRecordHeaderBytes + (end - first);
    }

    /// <summary>
    /// Reads part of a file: one preadv(2) for header and payload when it begins in the file's first unit, two otherwise. Header and all units
    /// touched are verified. Allocates nothing on a hit, and takes no lock when the segment is open.
    /// </summary>
    /// <param name="place">From the index or from an earlier look. A record that was moved or whose segment is gone is a miss: look again.</param>
    /// <param name="fileBytes">Length of the file. A record of another length is corrupt.</param>
    /// <param name="offset">First byte wanted; behind the end there are none.</param>
    /// <param name="count">Bytes wanted; those behind the end are left out.</param>
    /// <param name="scratch">At least <see cref="ScratchBytes"/>; unspecified unless it is a hit.</param>
    /// <param name="mayWait">False on threads that must not wait for a disk: what needs one, or finds corruption, is <see cref="ReadOutcome.WouldBlock"/>.</param>
    /// <param name="start">Where in <paramref name="scratch"/> the wanted bytes begin.</param>
    /// <param name="length">Wanted bytes that the file has.</param>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: the disk failed the read.</exception>
    public ReadOutcome TryRead(ulong place, int fileBytes, long offset, int count, nint scratch, int scratchBytes, bool mayWait, out int start, out int length) =>
        Read(place, fileBytes, offset, count, scratch, scratchBytes, mayWait ? DeviceRead.Normal : DeviceRead.NoWait, out start, out length);

    /// <summary>Bytes of the whole units around a range.</summary>
    private static (int First, int End) UnitsAround(int fileBytes, long offset, int count)
    {
        long last = Math.Min(fileBytes, offset + count);
        int first = (int)(offset - (offset % CacheUnits.UnitBytes));
        return (first, (int)Math.Min(fileBytes, CacheUnits.UnitsOf(last) * CacheUnits.UnitBytes));
    }

    private ReadOutcome Read(ulong place, int fileBytes, long offset, int count, nint scratch, int scratchBytes, DeviceRead how, out int start, out int length)
    {
        (start, length) = (0, 0);
        Invariant.That(fileBytes is >= 0 and <= CacheUnits.SmallFileBytes && offset >= 0 && count >= 0);
        Invariant.That(scratchBytes >= ScratchBytes(fileBytes, offset, count));
        RecordPlace at = RecordPlace.Unpack(place);
        if (at.Device != _device || !_segments.TryGetValue(at.Segment, out SegmentFile? segment))
        {
            return ReadOutcome.Miss;
        }

        SegmentDescriptor? descriptor = Volatile.Read(ref segment.Descriptor);
        if (descriptor is null || !descriptor.TryEnter())
        {
            if ((how & DeviceRead.NoWait) != 0)
            {
                return ReadOutcome.WouldBlock;
            }

            descriptor = Reopen(segment);
            if (descriptor is null)
            {
                return ReadOutcome.Miss;
            }
        }

        try
        {
            if (!segment.IsRecent)
            {
                segment.IsRecent = true;
            }

            ReadOutcome outcome = ReadUnits(descriptor, at, place, fileBytes, offset, count, scratch, how, out start, out length, out FileKey? key);
            if (outcome == ReadOutcome.Corrupt)
            {
                if ((how & DeviceRead.NoWait) != 0)
                {
                    return ReadOutcome.WouldBlock;
                }

                DropCorrupt(segment, place, key);
            }

            return outcome;
        }
        finally
        {
            descriptor.Leave();
        }
    }

    private unsafe ReadOutcome ReadUnits(
        SegmentDescriptor descriptor, RecordPlace at, ulong place, int fileBytes, long offset, int count, nint scratch, DeviceRead how, out int start, out int length, out FileKey? key)
    {
        (start, length, key) = (0, 0, null);
        int headerBytes = SegmentFormat.HeaderBytesOf(fileBytes);
        (int first, int end) = count == 0 || offset >= fileBytes ? (0, 0) : UnitsAround(fileBytes, offset, count);
        bool isOneRead = first == 0;
        int wanted = isOneRead ? headerBytes + end : headerBytes;
        Interlocked.Increment(ref _reads);
        int got = _files.Read(descriptor.File, scratch, wanted, at.Offset, how);
        if (got < wanted)
        {
            return (how & DeviceRead.NoWait) != 0 ? ReadOutcome.WouldBlock : ReadOutcome.Corrupt;
        }

        ReadOnlySpan<byte> header = new((void*)scratch, headerBytes);
        if (!SegmentFormat.TryReadRecordHeader(header, _stamp, place, out RecordHeader record))
        {
            return ReadOutcome.Corrupt;
        }

        key = record.Key;
        if (record.Length != fileBytes)
        {
            return ReadOutcome.Corrupt;
        }

        if (!isOneRead)
        {
            Interlocked.Increment(ref _reads);
            got = _files.Read(descriptor.File, scratch + headerBytes, end - first, (long)at.Offset + headerBytes + first, how);
            if (got < end - first)
            {
                return (how & DeviceRead.NoWait) != 0 ? ReadOutcome.WouldBlock : ReadOutcome.Corrupt;
            }
        }

        for (int at64 = first; at64 < end; at64 += CacheUnits.UnitBytes)
        {
            ReadOnlySpan<byte> unit = new((void*)(scratch + headerBytes + at64 - first), Math.Min(CacheUnits.UnitBytes, end - at64));
            if (Crc32C.Of(unit) != SegmentFormat.UnitChecksum(header, at64 / CacheUnits.UnitBytes))
            {
                return ReadOutcome.Corrupt;
            }
        }

        if (end > 0)
        {
            start = headerBytes + (int)(offset - first);
            length = (int)Math.Min(count, fileBytes - offset);
        }

        return ReadOutcome.Hit;
    }

    /// <summary>Opens a segment for reading and enters it. Null: it has gone.</summary>
    private SegmentDescriptor? Reopen(SegmentFile segment)
    {
        while (!segment.IsGone)
        {
            SegmentDescriptor? descriptor = Volatile.Read(ref segment.Descriptor);
            if (descriptor is null)
            {
                try
                {
                    descriptor = new SegmentDescriptor(_files.OpenRead(segment.Path));
                }
                catch (CacheException e) when (e.Error == CacheError.NotFound)
                {
                    return null;
                }

                if (!TryInstall(segment, descriptor))
                {
                    descriptor.Leave();
                    continue;
                }
            }

            if (descriptor.TryEnter())
            {
                return descriptor;
            }
        }

        return null;
    }

    /// <summary>Gives a segment its descriptor unless it has one.</summary>
    private bool TryInstall(SegmentFile segment, SegmentDescriptor descriptor)
    {
        if (Interlocked.CompareExchange(ref segment.Descriptor, descriptor, null) is not null)
        {
            return false;
        }

        int open = Interlocked.Increment(ref _openDescriptors);

        // Whoever removes the segment marks it first and takes the descriptor then, so one of the two sees the other.
        Interlocked.MemoryBarrier();
        if (segment.IsGone)
        {
            CloseDescriptor(segment);
        }
        else if (open > _options.MaxOpenSegments)
        {
            CloseIdleDescriptor(segment);
        }

        return true;
    }

    private void CloseIdleDescriptor(SegmentFile opened)
    {
        // Twice round: the first round may find that all were read lately.
        for (int round = 0; round < 2; round++)
        {
            foreach (KeyValuePair<long, SegmentFile> pair in _segments)
            {
                SegmentFile segment = pair.Value;
                if (segment != opened && segment.IsClosed && Volatile.Read(ref segment.Descriptor) is not null)
                {
                    if (!segment.IsRecent)
                    {
                        CloseDescriptor(segment);
                        return;
                    }

                    segment.IsRecent = false;
                }
            }
        }
    }
}
