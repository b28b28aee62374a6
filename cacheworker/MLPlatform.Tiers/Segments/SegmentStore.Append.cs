using System.Runtime.InteropServices;
using System.Threading.Channels;
using MLPlatform.Core;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Segments;

// The writer: one thread that alone has the open segment.
internal sealed partial class SegmentStore
{
    // IOV_MAX.
    private const int MaxRuns = 1024;

    private const int MaxGroupRecords = 256;

    // A record's header stands behind the padding of the record before it, so both are one run.
    private const int HeaderSlotBytes = SegmentFormat.MaxRecordHeaderBytes + RecordPlace.OffsetUnit;

    private readonly Channel<PendingAppend> _queue;
    private readonly TaskCompletionSource _writerEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PendingAppend> _group = [];

    private SegmentFile? _open;
    private SegmentDescriptor? _openFile;

    // Rows of the open segment's table, in the order of its records.
    private byte[] _table = new byte[64 << 10];
    private int _tableRows;

    // An empty file that bears the highest number, so that it is not given out again after a restart.
    private long _placeholder;

    /// <summary>Queues a file for the writer and waits until it is written and in the index.</summary>
    /// <param name="cancellationToken">Ends the waiting for a place in the queue. Once queued, a record is written whatever happens, since the writer has the caller's memory.</param>
    /// <returns>The record's place, or 0: <see cref="SegmentOptions.MayGrow"/> said no, and nothing was written.</returns>
    /// <exception cref="CacheException"><c>DeviceFull</c>, <c>DeviceFailed</c>: nothing of this record is in the index; a later append may succeed.</exception>
    public ValueTask<ulong> AppendAsync(in SegmentRecord record, CancellationToken cancellationToken)
    {
        Invariant.That(record.Length is >= 0 and <= CacheUnits.SmallFileBytes && record.Payload.Length <= MaxPayloadRuns);
        Invariant.That(record.UnitChecksums.Length == CacheUnits.UnitsOf(record.Length));
        long bytes = 0;
        foreach (NativeSegment run in record.Payload.Span)
        {
            bytes += run.Length;
        }

        Invariant.That(bytes == record.Length);
        RecordHeader header = new(record.Key, record.Length, record.Dataset, Now(), (uint)record.Flags);
        return EnqueueAsync(new PendingAppend(header, record.Payload, record.UnitChecksums, movedFrom: 0), cancellationToken);
    }

    private async ValueTask<ulong> EnqueueAsync(PendingAppend append, CancellationToken cancellationToken)
    {
        try
        {
            await _queue.Writer.WriteAsync(append, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(SegmentStore));
        }

        return await append.Task.ConfigureAwait(false);
    }

    private void StartWriter() => new Thread(RunWriter) { IsBackground = true, Name = $"mlp segments {_device}" }.Start();

    private void RunWriter()
    {
        nint headers = 0;
        try
        {
            unsafe
            {
                headers = (nint)NativeMemory.Alloc((MaxGroupRecords * HeaderSlotBytes) + RecordPlace.OffsetUnit);
            }

            ChannelReader<PendingAppend> queue = _queue.Reader;
            while (queue.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (queue.TryPeek(out _))
                {
                    WriteGroup(queue, headers);
                }
            }
        }
        finally
        {
            unsafe
            {
                NativeMemory.Free((void*)headers);
            }

            _openFile?.Leave();
            _writerEnded.SetResult();
        }
    }

    /// <summary>Writes what is queued, as far as it fits into one write and one segment, then tells the index and those who wait.</summary>
    private void WriteGroup(ChannelReader<PendingAppend> queue, nint headers)
    {
        _group.Clear();
        try
        {
            _ = queue.TryPeek(out PendingAppend? next);
            if (_open is not null && !Fits(_open.End, _tableRows, next!.Record.Length))
            {
                Seal();
            }

            // Whoever waits must hear of it when there is no segment to write to.
            if (_open is null)
            {
                _group.Add(Take(queue));

                if (!(_group[0].MovedFrom == 0 ? _options.MayGrow : _options.MayMove)(_options.SegmentBytes))
                {
                    _group[0].Complete(0);
                    _group.Clear();
                    return;
                }

                try
                {
                    CreateSegment();
                }
                finally
                {
                    _options.Grown(_options.SegmentBytes);
                }

                Place(_group[0], _open!.End);
            }

            SegmentFile open = _open;
            long end = _group.Count == 0 ? open.End : open.End + SegmentFormat.RecordBytesOf(_group[0].Record.Length);
            int runs = _group.Count == 0 ? 1 : 2 + _group[0].Payload.Length;
            while (_group.Count < MaxGroupRecords && queue.TryPeek(out next)
                && Fits(end, _tableRows + _group.Count, next.Record.Length) && runs + 1 + next.Payload.Length <= MaxRuns)
            {
                PendingAppend append = Take(queue);
                _group.Add(append);
                Place(append, end);
                end += SegmentFormat.RecordBytesOf(append.Record.Length);
                runs += 1 + append.Payload.Length;
            }

            WriteRuns(open, headers, end);
            Publish(open, end);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private static PendingAppend Take(ChannelReader<PendingAppend> queue)
    {
        Invariant.That(queue.TryRead(out PendingAppend? append));
        return append;
    }

    private static void Place(PendingAppend append, long offset) => append.Offset = (int)offset;

    private bool Fits(long end, int rows, int length) =>
        SegmentFormat.SealedBytes(end + SegmentFormat.RecordBytesOf(length), rows + 1) <= _options.SegmentBytes;

    private unsafe void WriteRuns(SegmentFile open, nint headers, long end)
    {
        Span<NativeSegment> runs = stackalloc NativeSegment[MaxRuns];
        int count = 0;
        int padding = 0;
        foreach (PendingAppend append in _group)
        {
            int headerBytes = SegmentFormat.HeaderBytesOf(append.Record.Length);
            Span<byte> slot = new((void*)headers, padding + headerBytes);
            slot[..padding].Clear();
            SegmentFormat.WriteRecordHeader(slot[padding..], _stamp, new RecordPlace(_device, open.Number, append.Offset).Pack(), append.Record, append.Checksums.Span);
            runs[count++] = new NativeSegment(headers, slot.Length);
            headers += slot.Length;
            append.Payload.Span.CopyTo(runs[count..]);
            count += append.Payload.Length;
            padding = SegmentFormat.RecordBytesOf(append.Record.Length) - headerBytes - append.Record.Length;
        }

        if (padding > 0)
        {
            new Span<byte>((void*)headers, padding).Clear();
            runs[count++] = new NativeSegment(headers, padding);
        }

        Invariant.That(_group[0].Offset == open.End && end <= _options.SegmentBytes);
        _files.Write(_openFile!.File, runs[..count], open.End);
    }

    private void Publish(SegmentFile open, long end)
    {
        foreach (PendingAppend append in _group)
        {
            AddTableRow(append.Record);
        }

        // Before the index: who has a place may read.
        open.End = end;
        foreach (PendingAppend append in _group)
        {
            RecordHeader record = append.Record;
            ulong place = new RecordPlace(_device, open.Number, append.Offset).Pack();
            RecordLocation location = new()
            {
                Place = place,
                Length = (uint)record.Length,
                Dataset = record.Dataset,
                Created = record.Created,
                Flags = record.Flags,
            };
            if (append.MovedFrom != 0)
            {
                append.Complete(Move(record.Key, append.MovedFrom, location) ? place : 0);
                continue;
            }

            Count(location, +1);
            if (_index.Set(record.Key, location, out RecordLocation previous))
            {
                if (IsHere(previous.Place))
                {
                    Count(previous, -1);
                }

                Dropped?.Invoke(record.Key, previous, RecordDropReason.Replaced);
            }

            append.Complete(place);
        }

        lock (_coverageLock)
        {
            (_coveredSegment, _coveredEnd) = (open.Number, end);
        }

        _group.Clear();
    }

    private bool Move(in FileKey key, ulong from, RecordLocation location)
    {
        // What policies noted since the copy was read goes along.
        lock (_flagsLock)
        {
            if (!_index.TryGet(key, out RecordLocation present) || present.Place != from)
            {
                return false;
            }

            (location.Dataset, location.Created, location.Flags) = (present.Dataset, present.Created, present.Flags);
            Count(location, +1);
            if (_index.TryReplace(key, from, location))
            {
                Count(present, -1);
                return true;
            }

            Count(location, -1);
            return false;
        }
    }

    /// <summary>Nothing of the group is in the index. The next group goes to another segment, so that no place ever had two meanings.</summary>
    private void Fail(Exception e)
    {
        if (e is CacheException fault)
        {
            SegmentLog.WriteFailed(_logger, _open?.Path ?? _directory, fault.Message);
        }
        else
        {
            SegmentLog.WriterCrashed(_logger, e);
        }

        if (_open is { } open)
        {
            if (open.End > SegmentFormat.SegmentHeaderBytes)
            {
                Seal();
            }
            else
            {
                Abandon(open);
            }
        }

        foreach (PendingAppend append in _group)
        {
            append.Fail(e);
        }

        _group.Clear();
    }

    /// <summary>Removes the open segment, which has no record. Where even that fails it stays open: a broken disk must not be filled with empty segments.</summary>
    private void Abandon(SegmentFile open)
    {
        if (!TryDelete(open.Path))
        {
            return;
        }

        _segments.TryRemove(open.Number, out _);
        open.IsGone = true;
        CloseDescriptor(open);
        _openFile!.Leave();
        (_open, _openFile) = (null, null);
    }

    private void AddTableRow(in RecordHeader record)
    {
        int at = _tableRows * SegmentFormat.TableRowBytes;
        if (at + SegmentFormat.TableRowBytes > _table.Length)
        {
            Array.Resize(ref _table, _table.Length * 2);
        }

        SegmentFormat.WriteTableRow(_table.AsSpan(at), record);
        _tableRows++;
    }

    /// <summary>Makes the next segment with all its space, so that a full disk shows here.</summary>
    private unsafe void CreateSegment()
    {
        long number = Interlocked.Increment(ref _nextNumber) - 1;
        Invariant.That(number <= RecordPlace.MaxSegment);
        SegmentFile segment = new(number, PathOf(number)) { End = SegmentFormat.SegmentHeaderBytes };
        SegmentDescriptor descriptor = new(_files.OpenWrite(segment.Path, create: true));
        try
        {
            byte* header = stackalloc byte[SegmentFormat.SegmentHeaderBytes];
            SegmentFormat.WriteSegmentHeader(new Span<byte>(header, SegmentFormat.SegmentHeaderBytes), _cacheId, _device, number, Now());
            _files.Allocate(descriptor.File, 0, _options.SegmentBytes);
            _files.Write(descriptor.File, [new NativeSegment((nint)header, SegmentFormat.SegmentHeaderBytes)], 0);

            // File systems without allocation, and those that compress, find out as they go.
            segment.DiskBytes = Math.Max(_files.AllocatedBytes(descriptor.File), _options.SegmentBytes);
        }
        catch
        {
            descriptor.Leave();
            TryDelete(segment.Path);
            throw;
        }

        Invariant.That(descriptor.TryEnter());
        _openFile = descriptor;
        _open = segment;
        _tableRows = 0;
        _segments[number] = segment;
        Invariant.That(TryInstall(segment, descriptor));
        lock (_coverageLock)
        {
            (_coveredSegment, _coveredEnd) = (number, segment.End);
        }

        if (Interlocked.Exchange(ref _placeholder, 0) is > 0 and long placeholder)
        {
            TryDelete(PathOf(placeholder));
        }
    }

    /// <summary>Ends the open segment. Without its table it is as good, only slower to open.</summary>
    private void Seal()
    {
        SegmentFile segment = _open!;
        SegmentDescriptor descriptor = _openFile!;
        (_open, _openFile) = (null, null);
        WriteTable(segment, descriptor);
        segment.IsClosed = true;
        descriptor.Leave();
    }

    /// <summary>Writes the table in <see cref="_table"/> behind the segment's last record and cuts the file there.</summary>
    private unsafe void WriteTable(SegmentFile segment, SegmentDescriptor descriptor)
    {
        try
        {
            int tableBytes = _tableRows * SegmentFormat.TableRowBytes;
            int padding = SegmentFormat.Align(tableBytes) - tableBytes;
            byte* tail = stackalloc byte[SegmentFormat.TableRowBytes + SegmentFormat.TrailerBytes];
            new Span<byte>(tail, SegmentFormat.TableRowBytes).Clear();
            ulong place = new RecordPlace(_device, segment.Number, (int)segment.End).Pack();
            SegmentFormat.WriteTrailer(new Span<byte>(tail + padding, SegmentFormat.TrailerBytes), _stamp, place, _table.AsSpan(0, tableBytes));
            fixed (byte* table = _table)
            {
                _files.Write(
                    descriptor.File,
                    [new NativeSegment((nint)table, tableBytes), new NativeSegment((nint)tail, padding + SegmentFormat.TrailerBytes)],
                    segment.End);
            }

            _files.SetLength(descriptor.File, SegmentFormat.SealedBytes(segment.End, _tableRows));
            if (_options.SyncSealed)
            {
                _files.Sync(descriptor.File);
            }

            segment.DiskBytes = _files.AllocatedBytes(descriptor.File);
        }
        catch (CacheException e)
        {
            SegmentLog.SealFailed(_logger, segment.Path, e.Message);
            GiveBackTail(segment, descriptor);
        }
    }

    private void GiveBackTail(SegmentFile segment, SegmentDescriptor descriptor)
    {
        try
        {
            _files.SetLength(descriptor.File, segment.End);
            segment.DiskBytes = _files.AllocatedBytes(descriptor.File);
        }
        catch (CacheException)
        {
            // It goes on counting in full, and the next opening tries again.
        }
    }

    private bool TryDelete(string path)
    {
        try
        {
            _files.Delete(path);
            return true;
        }
        catch (CacheException e)
        {
            SegmentLog.DeleteFailed(_logger, path, e.Message);
            return false;
        }
    }
}
