using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tiers;
using MLPlatform.Tiers.LargeFiles;
using MLPlatform.UnderStore;

namespace MLPlatform.CacheWorker;

/// <summary>Ranges for the reader: from the tiers where they are there, else from the under-store, and into the tiers on the way.</summary>
public sealed partial class CachedDataset
{
    // One megabyte of payload with what surrounds it on disk: a record's header, or the rest of two units.
    private const int PieceBytes = 1 << 20;
    private const int ScratchBytes = PieceBytes + (4 * CacheUnits.UnitBytes);
    private const int MaxScratchBlocks = 16;

    // Somebody else's fetch may end without bytes in the tiers (no room, or it failed): after so many we fetch by ourselves.
    private const int MaxWaits = 2;

    public async Task ReadAsync(FileVersion file, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
    {
        await _tier.Opened.WaitAsync(cancellationToken);
        if (!IsCached(file))
        {
            await FetchAsync(file, offset, count, sink, cancellationToken);
        }
        else if (IsSmall(file))
        {
            await ReadSmallAsync(file, offset, (int)count, sink, cancellationToken);
        }
        else
        {
            await ReadLargeAsync(file, offset, count, sink, cancellationToken);
        }
    }

    private static Task FetchAsync(FileVersion file, long offset, long count, IReadSink sink, CancellationToken cancellationToken) =>
        file.Store.ReadAsync(file.Object, offset, count, sink, cancellationToken);

    private async Task ReadSmallAsync(FileVersion file, long offset, int count, IReadSink sink, CancellationToken cancellationToken)
    {
        FileKey key = KeyOf(file);
        for (int waits = 0; ; waits++)
        {
            if (_tier.TryFindSmall(key, out ulong place) && await TryServeSmallAsync(file, place, offset, count, sink, cancellationToken))
            {
                return;
            }

            RangeFlights.Flight? flight = _flights.TryBegin(key, 0, file.Object.Size, out Task? other);
            if (flight is null && waits < MaxWaits)
            {
                await other!.WaitAsync(cancellationToken);
                continue;
            }

            using (flight)
            {
                // Half a small file is fetched only by readers for whom memory is short; it is not worth a record.
                if (flight is null || offset != 0 || count != file.Object.Size)
                {
                    await FetchAsync(file, offset, count, sink, cancellationToken);
                    return;
                }

                // It may have come between our look and our turn.
                if (_tier.TryFindSmall(key, out place) && await TryServeSmallAsync(file, place, offset, count, sink, cancellationToken))
                {
                    return;
                }

                using FillSink fill = new(sink, 0, count, file.Object.Size);
                await FetchAsync(file, 0, count, fill, cancellationToken);
                place = await _tier.AddSmallAsync(key, _dataset, fill.Payload(0, fill.WholeUnits), fill.Checksums);
                Note(file, place == 0 ? PlaceTable.Absent : place);
                return;
            }
        }
    }

    private async ValueTask<bool> TryServeSmallAsync(FileVersion file, ulong place, long offset, int count, IReadSink sink, CancellationToken cancellationToken)
    {
        BlockLease scratch = await _scratch.TakeAsync(cancellationToken);
        try
        {
            int start = 0;
            int length = 0;
            ReadOutcome outcome = _tier.ReadSmall(place, SmallBytes(file), offset, count, scratch.Address, scratch.Length, mayWait: false, out start, out length);
            if (outcome == ReadOutcome.WouldBlock)
            {
                (outcome, start, length) = await _tier.Threads.RunAsync(
                    () => (_tier.ReadSmall(place, SmallBytes(file), offset, count, scratch.Address, scratch.Length, mayWait: true, out int s, out int l), s, l),
                    cancellationToken);
            }

            if (outcome != ReadOutcome.Hit || length != count)
            {
                return false;
            }

            Note(file, place);
            Give(scratch.Memory.Slice(start, length), sink);
            return true;
        }
        finally
        {
            _scratch.Return(scratch);
        }
    }

    private async Task ReadLargeAsync(FileVersion file, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
    {
        FileKey key = KeyOf(file);
        long position = offset;
        long end = offset + count;
        int waits = 0;
        while (position < end)
        {
            long stop = end;
            if (_tier.FindLarge(key) is { } found)
            {
                long unit = position / CacheUnits.UnitBytes;
                bool isPresent = _tier.FindRun(found, unit, CacheUnits.UnitsOf(end), out long runEnd);
                stop = Math.Min(end, runEnd * CacheUnits.UnitBytes);
                if (isPresent && await ServeLargeAsync(found, position, stop, sink, cancellationToken) is > 0 and long served)
                {
                    NoteLarge(file, key);
                    position += served;
                    continue;
                }

                if (isPresent)
                {
                    // Gone or damaged since: only this unit is known to be missing.
                    stop = Math.Min(stop, (unit + 1) * CacheUnits.UnitBytes);
                }
            }

            RangeFlights.Flight? flight = _flights.TryBegin(key, position, stop, out Task? other);
            if (flight is null && waits++ < MaxWaits)
            {
                await other!.WaitAsync(cancellationToken);
                continue;
            }

            using (flight)
            {
                await FillLargeAsync(file, key, position, stop, sink, cancellationToken);
            }

            position = stop;
            waits = 0;
        }
    }

    /// <returns>Bytes given; 0 when the first of them turned out not to be there.</returns>
    private async ValueTask<long> ServeLargeAsync(LargeFile file, long position, long stop, IReadSink sink, CancellationToken cancellationToken)
    {
        long served = 0;
        BlockLease scratch = await _scratch.TakeAsync(cancellationToken);
        try
        {
            while (position < stop)
            {
                int count = (int)Math.Min(stop - position, PieceBytes - (position % CacheUnits.UnitBytes));
                long from = position;
                ReadOutcome outcome = _tier.ReadLarge(file, from, count, scratch.Address, scratch.Length, mayWait: false, out int start, out int length);
                if (outcome == ReadOutcome.WouldBlock)
                {
                    (outcome, start, length) = await _tier.Threads.RunAsync(
                        () => (_tier.ReadLarge(file, from, count, scratch.Address, scratch.Length, mayWait: true, out int s, out int l), s, l),
                        cancellationToken);
                }

                if (outcome != ReadOutcome.Hit || length != count)
                {
                    break;
                }

                Give(scratch.Memory.Slice(start, length), sink);
                position += length;
                served += length;
            }
        }
        finally
        {
            _scratch.Return(scratch);
        }

        return served;
    }

    private async Task FillLargeAsync(FileVersion file, FileKey key, long position, long stop, IReadSink sink, CancellationToken cancellationToken)
    {
        using FillSink fill = new(sink, position, stop - position, file.Object.Size);
        try
        {
            await FetchAsync(file, position, stop - position, fill, cancellationToken);
        }
        catch (Exception) when (file.Store.ReadsAreGuarded && fill.WholeUnits > 0)
        {
            // What has come is right and paid for.
            await KeepLargeAsync(file, key, fill);
            throw;
        }

        if (fill.WholeUnits > 0)
        {
            await KeepLargeAsync(file, key, fill);
        }
    }

    private async ValueTask<bool> KeepLargeAsync(FileVersion file, FileKey key, FillSink fill)
    {
        bool isKept = await _tier.AddLargeAsync(key, file.Object.Size, _dataset, fill.FirstUnit, fill.Payload(0, fill.WholeUnits), fill.Checksums);
        if (isKept)
        {
            NoteLarge(file, key);
        }

        return isKept;
    }

    private void Give(ReadOnlyMemory<byte> bytes, IReadSink sink)
    {
        Interlocked.Add(ref _readerBytes, bytes.Length);
        while (!bytes.IsEmpty)
        {
            Memory<byte> target = sink.NextBuffer;
            int length = Math.Min(target.Length, bytes.Length);
            bytes[..length].CopyTo(target);
            sink.Advance(length);
            bytes = bytes[length..];
        }
    }
}
