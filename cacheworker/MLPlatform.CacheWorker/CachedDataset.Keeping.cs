using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tiers;

namespace MLPlatform.CacheWorker;

/// <summary>Bringing in, dropping and pinning for people and plans, without a reader.</summary>
public sealed partial class CachedDataset
{
    /// <summary>Most bytes that <see cref="KeepAsync"/> takes at a time.</summary>
    public const int MaxKeepBytes = 8 << 20;

    /// <summary>Ends when the tiers are ready, or will not be.</summary>
    public Task Opened => _tier.Opened;

    /// <summary>Whether the tiers can keep anything at all.</summary>
    public bool CanKeep => _tier.IsOpen;

    /// <summary>Why a file has no room: the end of a sentence.</summary>
    public string DescribeLack(long bytes) => _tier.DescribeLack(_dataset, bytes);

    /// <summary>Most bytes that the tiers hold.</summary>
    public long LimitBytes => _tier.LimitBytes;

    /// <summary>All of the file is here, or there is nothing of it to keep.</summary>
    public bool IsWhole(FileVersion file)
    {
        if (!IsCached(file))
        {
            return file.Object.Size == 0;
        }

        return IsSmall(file) ? _tier.TryFindSmall(KeyOf(file), out _) : _tier.FindLarge(KeyOf(file)) is { IsComplete: true };
    }

    /// <summary>Fetches what is missing of a range and keeps it; nothing that is here or that somebody else is fetching is fetched. Memory comes from the pool, waiting for the budget.</summary>
    /// <param name="offset">A multiple of 64 KiB; 0 for small files.</param>
    /// <param name="count">The whole of a small file; of a large one at most <see cref="MaxKeepBytes"/>.</param>
    /// <exception cref="CacheException">The store's.</exception>
    public async ValueTask<KeepOutcome> KeepAsync(FileVersion file, long offset, int count, CancellationToken cancellationToken)
    {
        if (!_tier.Opened.IsCompleted)
        {
            await _tier.Opened.WaitAsync(cancellationToken);
        }

        if (!IsCached(file))
        {
            return KeepOutcome.Uncached;
        }

        FileKey key = KeyOf(file);
        return IsSmall(file) ? await KeepSmallAsync(file, key, cancellationToken) : await KeepLargeAsync(file, key, offset, count, cancellationToken);
    }

    /// <summary>Drops what is here of a file.</summary>
    /// <returns>Bytes gone.</returns>
    public long Evict(FileVersion file, out bool isPinned)
    {
        isPinned = false;
        return IsCached(file) ? _tier.Evict(KeyOf(file), IsSmall(file), out isPinned) : 0;
    }

    /// <summary>Drops what is here of other versions of the dataset, and of this one.</summary>
    /// <returns>Bytes gone.</returns>
    public long EvictAll() => _tier.EvictDataset(_dataset);

    /// <returns>False when nothing of it is here.</returns>
    public bool SetPinned(FileVersion file, bool isPinned) => IsCached(file) && _tier.SetPinned(KeyOf(file), IsSmall(file), isPinned);

    /// <summary>From here on a kill undoes none of the pins.</summary>
    public Task FlushAsync(CancellationToken cancellationToken) => _tier.FlushAsync(cancellationToken);

    /// <summary>Gives the space of what was dropped back to the disk.</summary>
    public Task ReclaimAsync(CancellationToken cancellationToken) => _tier.ReclaimAsync(cancellationToken);

    private async ValueTask<KeepOutcome> KeepSmallAsync(FileVersion file, FileKey key, CancellationToken cancellationToken)
    {
        int count = (int)file.Object.Size;
        using BlockLease block = await _pool.RentAsync(count, cancellationToken);
        for (int waits = 0; ; waits++)
        {
            if (_tier.TryFindSmall(key, out _))
            {
                return KeepOutcome.Here;
            }

            if (!await HasRoomAsync(count, cancellationToken))
            {
                return KeepOutcome.NoRoom;
            }

            RangeFlights.Flight? flight = _flights.TryBegin(key, 0, count, out Task? other);
            if (flight is null && waits < MaxWaits)
            {
                await other!.WaitAsync(cancellationToken);
                continue;
            }

            using (flight)
            {
                // It may have come between our look and our turn.
                if (_tier.TryFindSmall(key, out _))
                {
                    return KeepOutcome.Here;
                }

                using FillSink fill = new(new BlockSink(block), 0, count, count);
                await FetchAsync(file, 0, count, fill, cancellationToken);
                NativeSegment[] payload = fill.Payload(0, fill.WholeUnits);
                ulong place = await _tier.AddSmallAsync(key, _dataset, payload, fill.Checksums);
                if (place == 0)
                {
                    // Paid for already: what has left may have to give its space back first.
                    await _tier.MakeRoomAsync(cancellationToken);
                    place = await _tier.AddSmallAsync(key, _dataset, payload, fill.Checksums);
                }

                Note(file, place == 0 ? PlaceTable.Absent : place);
                return place == 0 ? KeepOutcome.NoRoom : KeepOutcome.Kept;
            }
        }
    }

    private async ValueTask<KeepOutcome> KeepLargeAsync(FileVersion file, FileKey key, long offset, int count, CancellationToken cancellationToken)
    {
        using BlockLease block = await _pool.RentAsync(count, cancellationToken);
        KeepOutcome outcome = KeepOutcome.Here;
        long position = offset;
        long end = offset + count;
        int waits = 0;
        while (position < end)
        {
            long stop = end;
            if (_tier.FindLarge(key) is { } found)
            {
                bool isPresent = _tier.FindRun(found, position / CacheUnits.UnitBytes, CacheUnits.UnitsOf(end), out long runEnd);
                stop = Math.Min(end, runEnd * CacheUnits.UnitBytes);
                if (isPresent)
                {
                    position = stop;
                    continue;
                }
            }

            if (!await HasRoomAsync(stop - position, cancellationToken))
            {
                return KeepOutcome.NoRoom;
            }

            RangeFlights.Flight? flight = _flights.TryBegin(key, position, stop, out Task? other);
            if (flight is null && waits++ < MaxWaits)
            {
                await other!.WaitAsync(cancellationToken);
                continue;
            }

            using (flight)
            {
                if (!await TryFillAsync(file, key, position, stop, block, cancellationToken))
                {
                    return KeepOutcome.NoRoom;
                }
            }

            outcome = KeepOutcome.Kept;
            position = stop;
            waits = 0;
        }

        return outcome;
    }

    private async ValueTask<bool> TryFillAsync(FileVersion file, FileKey key, long position, long stop, BlockLease block, CancellationToken cancellationToken)
    {
        using FillSink fill = new(new BlockSink(block), position, stop - position, file.Object.Size);
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

        if (await KeepLargeAsync(file, key, fill))
        {
            return true;
        }

        await _tier.MakeRoomAsync(cancellationToken);
        return await KeepLargeAsync(file, key, fill);
    }

    private async ValueTask<bool> HasRoomAsync(long bytes, CancellationToken cancellationToken)
    {
        if (_tier.HasRoom(_dataset, bytes))
        {
            return true;
        }

        await _tier.MakeRoomAsync(cancellationToken);
        return _tier.HasRoom(_dataset, bytes);
    }
}
