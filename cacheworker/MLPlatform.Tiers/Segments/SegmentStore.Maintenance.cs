using System.Runtime.InteropServices;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Segments;

// Cleaning and scrub: slow, on pool threads, beside readers and the writer.
internal sealed partial class SegmentStore
{
    // Each start leaves one short segment; so many of them are made one.
    private const int ManySmallSegments = 16;

    // Header, trailer and rounding to the file system's blocks in a segment that is wholly live.
    private const long SlackBytes = 8 << 10;

    private readonly SemaphoreSlim _cleaning = new(1, 1);
    private readonly SemaphoreSlim _scrubbing = new(1, 1);

    /// <summary>
    /// Takes the closed segment with the least live bytes, writes its live records anew, and removes it. Records keep dataset, time and flags. Calls
    /// take turns.
    /// </summary>
    /// <param name="maxLiveShare">Segments in which a greater share of the bytes on disk is live are left alone; 1: only full ones are. Many short segments, which restarts leave, are merged in any case.</param>
    /// <returns>True when a segment was removed; false when none is worth it.</returns>
    /// <exception cref="CacheException"><c>DeviceFull</c>, <c>DeviceFailed</c>: the segment is still there, as are all records.</exception>
    public async Task<bool> CleanAsync(double maxLiveShare, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        using CancellationTokenSource stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        await _cleaning.WaitAsync(stopping.Token).ConfigureAwait(false);
        try
        {
            if (PickVictim(maxLiveShare) is not { } victim)
            {
                return false;
            }

            await Task.Run(() => CleanAsync(victim, stopping.Token), stopping.Token).ConfigureAwait(false);
            return victim.IsGone;
        }
        finally
        {
            _cleaning.Release();
        }
    }

    /// <summary>Reads every record once, verifies it, and drops what is wrong. Leaves the page cache as it was where the kernel can. Passes take turns.</summary>
    /// <param name="limiter">Asked with the bytes of each read before it is made; sets the pace.</param>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: the disk failed a read.</exception>
    public async Task<ScrubResult> ScrubAsync(Func<int, CancellationToken, ValueTask> limiter, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        using CancellationTokenSource stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        await _scrubbing.WaitAsync(stopping.Token).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => ScrubSegmentsAsync(limiter, stopping.Token), stopping.Token).ConfigureAwait(false);
        }
        finally
        {
            _scrubbing.Release();
        }
    }

    private SegmentFile? PickVictim(double maxLiveShare)
    {
        SegmentFile? best = null;
        SegmentFile? smallest = null;
        int small = 0;
        foreach (KeyValuePair<long, SegmentFile> pair in _segments)
        {
            SegmentFile segment = pair.Value;
            if (!segment.IsClosed)
            {
                continue;
            }

            long live = segment.LiveBytes;
            bool isWorthIt = live == 0 || (segment.DiskBytes - live > SlackBytes && live <= maxLiveShare * segment.DiskBytes);
            if (isWorthIt && (best is null || live < best.LiveBytes))
            {
                best = segment;
            }

            if (segment.DiskBytes < _options.SegmentBytes / ManySmallSegments)
            {
                small++;
                smallest = smallest is null || segment.DiskBytes < smallest.DiskBytes ? segment : smallest;
            }
        }

        return best ?? (small >= ManySmallSegments ? smallest : null);
    }

    private async Task CleanAsync(SegmentFile segment, CancellationToken cancellationToken)
    {
        if (segment.LiveRecords > 0)
        {
            await MoveRecordsAsync(RecordsIn(segment), cancellationToken).ConfigureAwait(false);
        }

        // A table may lack what a damaged copy of it hid.
        if (segment.LiveRecords > 0)
        {
            await MoveRecordsAsync(IndexedRecordsIn(segment), cancellationToken).ConfigureAwait(false);
        }

        if (segment.LiveRecords <= 0)
        {
            Remove(segment);
        }
    }

    private async Task MoveRecordsAsync(List<(FileKey Key, RecordLocation Location)> records, CancellationToken cancellationToken)
    {
        nint buffer = AllocateBuffer();
        List<Task<ulong>> moves = [];
        try
        {
            int used = 0;
            foreach ((FileKey key, RecordLocation location) in records)
            {
                int length = (int)location.Length;
                int needed = ScratchBytes(length, 0, length);
                if (used + needed > _options.MaintenanceBytes)
                {
                    await Task.WhenAll(moves).ConfigureAwait(false);
                    moves.Clear();
                    used = 0;
                }

                cancellationToken.ThrowIfCancellationRequested();
                if (!IsAt(key, location.Place)
                    || Read(location.Place, length, 0, length, buffer + used, needed, DeviceRead.DontCache, out int start, out _) != ReadOutcome.Hit)
                {
                    continue;
                }

                RecordHeader record = new(key, length, location.Dataset, location.Created, location.Flags);
                PendingAppend move = new(record, new[] { new NativeSegment(buffer + used + start, length) }, ChecksumsAt(buffer + used, length), location.Place);
                moves.Add(EnqueueAsync(move, cancellationToken).AsTask());
                used += needed;
            }

            await Task.WhenAll(moves).ConfigureAwait(false);
        }
        finally
        {
            // The writer reads the buffer until the last of them has ended, well or not.
            await Task.WhenAll(moves).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).ConfigureAwait(false);
            FreeBuffer(buffer);
        }
    }

    private async Task<ScrubResult> ScrubSegmentsAsync(Func<int, CancellationToken, ValueTask> limiter, CancellationToken cancellationToken)
    {
        ScrubResult result = default;
        int bufferBytes = ScratchBytes(CacheUnits.SmallFileBytes, 0, CacheUnits.SmallFileBytes);
        nint buffer = AllocateBuffer();
        try
        {
            List<SegmentFile> segments = [.. _segments.Values];
            segments.Sort(static (a, b) => a.Number.CompareTo(b.Number));
            foreach (SegmentFile segment in segments)
            {
                foreach ((FileKey key, RecordLocation location) in RecordsIn(segment))
                {
                    int length = (int)location.Length;
                    await limiter(SegmentFormat.RecordBytesOf(length), cancellationToken).ConfigureAwait(false);
                    cancellationToken.ThrowIfCancellationRequested();
                    if (!IsAt(key, location.Place))
                    {
                        continue;
                    }

                    result = Read(location.Place, length, 0, length, buffer, bufferBytes, DeviceRead.DontCache, out _, out _) switch
                    {
                        ReadOutcome.Hit => result with { Records = result.Records + 1, Bytes = result.Bytes + length },
                        ReadOutcome.Corrupt => result with { Corrupt = result.Corrupt + 1 },
                        _ => result,
                    };
                }
            }

            return result;
        }
        finally
        {
            FreeBuffer(buffer);
        }
    }

    private bool IsAt(in FileKey key, ulong place) => _index.TryGet(key, out RecordLocation location) && location.Place == place;

    /// <summary>Live records of a segment, in their order: by its table, or by a walk through the index where it has none that can be read.</summary>
    private List<(FileKey Key, RecordLocation Location)> RecordsIn(SegmentFile segment)
    {
        if (!segment.IsClosed || Reopen(segment) is not { } descriptor)
        {
            return IndexedRecordsIn(segment);
        }

        try
        {
            if (!TryReadTable(segment, descriptor, _files.Length(descriptor.File), DeviceRead.DontCache, out byte[] table, out int rows, out _))
            {
                return IndexedRecordsIn(segment);
            }

            List<(FileKey, RecordLocation)> records = [];
            int offset = SegmentFormat.SegmentHeaderBytes;
            for (int row = 0; row < rows; row++)
            {
                RecordHeader record = SegmentFormat.ReadTableRow(table.AsSpan(row * SegmentFormat.TableRowBytes));
                if (_index.TryGet(record.Key, out RecordLocation location) && location.Place == new RecordPlace(_device, segment.Number, offset).Pack())
                {
                    records.Add((record.Key, location));
                }

                offset += SegmentFormat.RecordBytesOf(record.Length);
            }

            return records;
        }
        finally
        {
            descriptor.Leave();
        }
    }

    private List<(FileKey Key, RecordLocation Location)> IndexedRecordsIn(SegmentFile segment)
    {
        List<(FileKey Key, RecordLocation Location)> records = [];
        _index.ForEach((key, location) =>
        {
            RecordPlace place = RecordPlace.Unpack(location.Place);
            if (place.Device == _device && place.Segment == segment.Number)
            {
                records.Add((key, location));
            }

            return true;
        });
        records.Sort(static (a, b) => a.Location.Place.CompareTo(b.Location.Place));
        return records;
    }

    /// <summary>Removes a segment without live records. Readers who are in it go on; its descriptor is closed behind the last.</summary>
    private void Remove(SegmentFile segment)
    {
        ReserveNumberAbove(segment.Number);
        _files.Delete(segment.Path);
        _segments.TryRemove(segment.Number, out _);
        segment.IsGone = true;
        Interlocked.MemoryBarrier();
        CloseDescriptor(segment);
    }

    /// <summary>Numbers are found again by the files that bear them, so the highest must not vanish.</summary>
    private void ReserveNumberAbove(long number)
    {
        long highest = Math.Max(Interlocked.Read(ref _placeholder), 0);
        foreach (KeyValuePair<long, SegmentFile> segment in _segments)
        {
            highest = Math.Max(highest, segment.Key);
        }

        if (highest > number)
        {
            return;
        }

        long reserved = Interlocked.Increment(ref _nextNumber) - 1;
        _files.OpenWrite(PathOf(reserved), create: true).Dispose();
        Interlocked.Exchange(ref _placeholder, reserved);
    }

    private unsafe nint AllocateBuffer() => (nint)NativeMemory.Alloc((nuint)_options.MaintenanceBytes);

    private static unsafe void FreeBuffer(nint buffer) => NativeMemory.Free((void*)buffer);

    private static unsafe uint[] ChecksumsAt(nint header, int length)
    {
        uint[] checksums = new uint[CacheUnits.UnitsOf(length)];
        ReadOnlySpan<byte> bytes = new((void*)header, SegmentFormat.HeaderBytesOf(length));
        for (int unit = 0; unit < checksums.Length; unit++)
        {
            checksums[unit] = SegmentFormat.UnitChecksum(bytes, unit);
        }

        return checksums;
    }
}
