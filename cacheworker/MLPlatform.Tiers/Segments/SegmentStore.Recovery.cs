using System.Buffers.Binary;
using System.Runtime.InteropServices;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Segments;

// Runs before the writer starts, on the opener's thread.
internal sealed partial class SegmentStore
{
    // A trailer and the table of 2000 records come in one read.
    private const int TailBytes = 64 << 10;

    private void Recover(ReadOnlySpan<byte> coverage)
    {
        _files.CreateDirectory(_directory);
        (long coveredSegment, long coveredEnd) = ReadCoverage(coverage);
        List<long> numbers = [];
        foreach (string name in _files.List(_directory))
        {
            if (SegmentFormat.TryParseFileName(name, out long number))
            {
                numbers.Add(number);
            }
        }

        numbers.Sort();
        long highest = numbers.Count == 0 ? 0 : numbers[^1];
        _nextNumber = Math.Max(highest, coveredSegment) + 1;
        int scanned = 0;
        int discarded = 0;
        long added = 0;
        long corrupt = 0;
        foreach (long number in numbers)
        {
            SegmentFile segment = new(number, PathOf(number)) { IsClosed = true };
            bool isCovered = number < coveredSegment;
            SegmentDescriptor descriptor = new(isCovered ? _files.OpenRead(segment.Path) : _files.OpenWrite(segment.Path, create: false));
            bool isUsed = false;
            try
            {
                long fileLength = _files.Length(descriptor.File);
                segment.DiskBytes = _files.AllocatedBytes(descriptor.File);
                segment.End = Math.Min(fileLength, SegmentFormat.MaxSegmentBytes);

                // A covered segment is known to the index, and each of its records says for itself where it belongs.
                isUsed = isCovered
                    ? fileLength >= SegmentFormat.SegmentHeaderBytes
                    : ReadSegment(segment, descriptor, fileLength, number == coveredSegment ? coveredEnd : 0, ref scanned, ref added, ref corrupt);
                if (isUsed)
                {
                    _segments[number] = segment;
                    Invariant.That(descriptor.TryEnter());
                    Invariant.That(TryInstall(segment, descriptor));
                }
                else
                {
                    discarded += Discard(segment, descriptor, fileLength, isHighest: number == highest) ? 1 : 0;
                }
            }
            finally
            {
                descriptor.Leave();
            }
        }

        long dropped = CountEntries();
        (_coveredSegment, _coveredEnd) = (_nextNumber, 0);
        Recovery = new SegmentRecovery(_segments.Count, scanned, added, dropped, corrupt, discarded, Reads);
        SegmentLog.Recovered(_logger, _directory, _segments.Count, scanned, added, dropped, corrupt);
    }

    /// <returns>The first segment that is not covered as a whole, and where its covered part ends. (0, 0): nothing is covered.</returns>
    private (long Segment, long End) ReadCoverage(ReadOnlySpan<byte> coverage)
    {
        bool isOurs = coverage.Length == CoverageBytes
            && BinaryPrimitives.ReadUInt32LittleEndian(coverage[36..]) == Crc32C.Of(coverage[..36])
            && BinaryPrimitives.ReadUInt32LittleEndian(coverage) == SegmentFormat.Version
            && BinaryPrimitives.ReadInt32LittleEndian(coverage[4..]) == _device
            && BinaryPrimitives.ReadUInt64LittleEndian(coverage[8..]) == _stamp;
        return isOurs ? (BinaryPrimitives.ReadInt64LittleEndian(coverage[16..]), BinaryPrimitives.ReadInt64LittleEndian(coverage[24..])) : (0, 0);
    }

    /// <summary>Puts the records behind <paramref name="coveredEnd"/> into the index.</summary>
    /// <returns>False when it is no segment of ours, or an empty one.</returns>
    private bool ReadSegment(SegmentFile segment, SegmentDescriptor descriptor, long fileLength, long coveredEnd, ref int scanned, ref long added, ref long corrupt)
    {
        if (fileLength < SegmentFormat.SegmentHeaderBytes || fileLength > SegmentFormat.MaxSegmentBytes)
        {
            return false;
        }

        if (TryReadTable(segment, descriptor, fileLength, DeviceRead.Normal, out byte[] table, out int rows, out long end))
        {
            segment.End = end;
            added += AddRecords(segment, table, rows, coveredEnd);
            return rows > 0;
        }

        if (!Scan(segment, descriptor, fileLength, ref corrupt))
        {
            return false;
        }

        scanned++;
        WriteTable(segment, descriptor);
        added += AddRecords(segment, _table, _tableRows, coveredEnd);
        _tableRows = 0;
        return true;
    }

    /// <summary>Reads the table of a sealed segment in one read, or two when it is long. False: it has none, or a damaged one.</summary>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: the disk failed the read.</exception>
    private unsafe bool TryReadTable(SegmentFile segment, SegmentDescriptor descriptor, long fileLength, DeviceRead how, out byte[] table, out int rows, out long end)
    {
        (table, rows, end) = ([], 0, 0);
        int tailBytes = (int)Math.Min(TailBytes, fileLength);
        if (tailBytes < SegmentFormat.TrailerBytes)
        {
            return false;
        }

        byte[] tail = GC.AllocateUninitializedArray<byte>(tailBytes);
        fixed (byte* p = tail)
        {
            if (CountedRead(descriptor, (nint)p, tailBytes, fileLength - tailBytes, how) < tailBytes
                || !SegmentFormat.TryReadTrailer(tail.AsSpan(tailBytes - SegmentFormat.TrailerBytes), _stamp, _device, segment.Number, fileLength, out end, out rows, out uint checksum))
            {
                return false;
            }

            int tableBytes = rows * SegmentFormat.TableRowBytes;
            int fromEnd = (int)(fileLength - end);
            if (fromEnd <= tailBytes)
            {
                table = tail.AsSpan(tailBytes - fromEnd, tableBytes).ToArray();
            }
            else
            {
                table = GC.AllocateUninitializedArray<byte>(tableBytes);
                fixed (byte* q = table)
                {
                    if (CountedRead(descriptor, (nint)q, tableBytes, end, how) < tableBytes)
                    {
                        return false;
                    }
                }
            }

            return Crc32C.Of(table) == checksum && IsConsistent(table, rows, end);
        }
    }

    /// <summary>The lengths of all records lead exactly to where the table begins.</summary>
    private static bool IsConsistent(ReadOnlySpan<byte> table, int rows, long end)
    {
        long at = SegmentFormat.SegmentHeaderBytes;
        for (int row = 0; row < rows; row++)
        {
            int length = SegmentFormat.ReadTableRow(table[(row * SegmentFormat.TableRowBytes)..]).Length;
            if (length is < 0 or > CacheUnits.SmallFileBytes)
            {
                return false;
            }

            at += SegmentFormat.RecordBytesOf(length);
        }

        return at == end;
    }

    private long AddRecords(SegmentFile segment, ReadOnlySpan<byte> table, int rows, long coveredEnd)
    {
        long added = 0;
        int offset = SegmentFormat.SegmentHeaderBytes;
        for (int row = 0; row < rows; row++)
        {
            RecordHeader record = SegmentFormat.ReadTableRow(table[(row * SegmentFormat.TableRowBytes)..]);
            ulong place = new RecordPlace(_device, segment.Number, offset).Pack();
            bool isCovered = offset < coveredEnd;
            offset += SegmentFormat.RecordBytesOf(record.Length);

            // Below the covered end the index knows better: what it lacks was removed. Of several copies it has the newest, or another device's.
            if (isCovered || (record.Flags & SegmentFormat.GoneFlag) != 0
                || (_index.TryGet(record.Key, out RecordLocation present) && (!IsHere(present.Place) || present.Place >= place)))
            {
                continue;
            }

            RecordLocation location = new()
            {
                Place = place,
                Length = (uint)record.Length,
                Dataset = record.Dataset,
                Created = record.Created,
                Flags = record.Flags,
            };

            // A copy that cleaning made takes over what the index knows of the record that it stands for.
            if (present.Place != 0)
            {
                location.Flags = present.Flags;
            }

            _index.Set(record.Key, location, out _);
            added++;
        }

        return added;
    }

    /// <summary>
    /// Reads a segment without a table from its beginning to the first place where no record begins, and fills <see cref="_table"/>. The last record
    /// with right bytes is the new end: behind it lies what a kill or a failed write left. One with wrong bytes before it is marked in the table.
    /// </summary>
    /// <returns>False when there is no record.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: the disk failed the first read. Later ones end the scan.</exception>
    private unsafe bool Scan(SegmentFile segment, SegmentDescriptor descriptor, long fileLength, ref long corrupt)
    {
        int bufferBytes = _options.MaintenanceBytes;
        nint buffer = (nint)NativeMemory.Alloc((nuint)bufferBytes);
        try
        {
            _tableRows = 0;
            int goodRows = 0;
            long at = SegmentFormat.SegmentHeaderBytes;
            long goodEnd = at;
            long bufferStart = 0;
            int buffered = 0;
            while (at < fileLength)
            {
                // Any record fits behind `at` once the buffer begins there.
                long needed = Math.Min(fileLength - at, SegmentFormat.RecordBytesOf(CacheUnits.SmallFileBytes));
                if (at + needed > bufferStart + buffered)
                {
                    bufferStart = at;
                    try
                    {
                        buffered = CountedRead(descriptor, buffer, (int)Math.Min(bufferBytes, fileLength - at), at, DeviceRead.Normal);
                    }
                    catch (CacheException e) when (at > SegmentFormat.SegmentHeaderBytes)
                    {
                        SegmentLog.ScanFailed(_logger, segment.Path, at, e.Message);
                        break;
                    }
                }

                ReadOnlySpan<byte> bytes = new((void*)(buffer + (nint)(at - bufferStart)), (int)Math.Min(needed, bufferStart + buffered - at));
                if (!SegmentFormat.TryReadRecordHeader(bytes, _stamp, new RecordPlace(_device, segment.Number, (int)at).Pack(), out RecordHeader record))
                {
                    break;
                }

                int headerBytes = SegmentFormat.HeaderBytesOf(record.Length);
                int recordBytes = SegmentFormat.RecordBytesOf(record.Length);
                bool isGood = headerBytes + record.Length <= bytes.Length && SegmentFormat.IsPayload(bytes, bytes.Slice(headerBytes, record.Length));
                AddTableRow(isGood ? record : record with { Flags = record.Flags | SegmentFormat.GoneFlag });
                at += recordBytes;
                if (isGood)
                {
                    // What is wrong behind the last good one is a torn write, not a damaged record.
                    corrupt += _tableRows - goodRows - 1;
                    (goodEnd, goodRows) = (at, _tableRows);
                }
            }

            _tableRows = goodRows;
            segment.End = goodEnd;
            return goodRows > 0;
        }
        finally
        {
            NativeMemory.Free((void*)buffer);
        }
    }

    /// <summary>A file of no use goes, but for the one with the highest number: that number must not be given out again.</summary>
    /// <returns>False for what a segment without records leaves, which is nothing to speak of.</returns>
    private unsafe bool Discard(SegmentFile segment, SegmentDescriptor descriptor, long fileLength, bool isHighest)
    {
        byte* header = stackalloc byte[SegmentFormat.SegmentHeaderBytes];
        bool isOurs = fileLength == 0
            || (CountedRead(descriptor, (nint)header, SegmentFormat.SegmentHeaderBytes, 0, DeviceRead.Normal) == SegmentFormat.SegmentHeaderBytes
                && SegmentFormat.IsSegmentHeader(new ReadOnlySpan<byte>(header, SegmentFormat.SegmentHeaderBytes), _cacheId, _device, segment.Number));
        if (!isOurs)
        {
            SegmentLog.Discarded(_logger, segment.Path);
        }

        if (isHighest)
        {
            _placeholder = segment.Number;
            if (fileLength > 0)
            {
                try
                {
                    _files.SetLength(descriptor.File, 0);
                }
                catch (CacheException e)
                {
                    SegmentLog.DeleteFailed(_logger, segment.Path, e.Message);
                }
            }
        }
        else
        {
            TryDelete(segment.Path);
        }

        return !isOurs;
    }

    /// <summary>Counts what the index has here, and takes out of it what lies nowhere any more.</summary>
    private long CountEntries()
    {
        List<(FileKey Key, ulong Place)> lost = [];
        _index.ForEach((key, location) =>
        {
            RecordPlace place = RecordPlace.Unpack(location.Place);
            if (place.Device != _device)
            {
                return true;
            }

            if (location.Length <= CacheUnits.SmallFileBytes
                && _segments.TryGetValue(place.Segment, out SegmentFile? segment)
                && place.Offset + (long)SegmentFormat.RecordBytesOf((int)location.Length) <= segment.End)
            {
                Count(location, +1);
            }
            else
            {
                lost.Add((key, location.Place));
            }

            return true;
        });
        foreach ((FileKey key, ulong place) in lost)
        {
            _index.TryRemove(key, place);
        }

        return lost.Count;
    }

    private int CountedRead(SegmentDescriptor descriptor, nint destination, int count, long offset, DeviceRead how)
    {
        Interlocked.Increment(ref _reads);
        return _files.Read(descriptor.File, destination, count, offset, how);
    }
}
