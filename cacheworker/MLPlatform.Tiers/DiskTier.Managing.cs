using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Eviction;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.LargeFiles;

namespace MLPlatform.Tiers;

/// <summary>What people ask for: whether something fits, that it goes, that it stays.</summary>
public sealed partial class DiskTier
{
    private TaskCompletionSource _round = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Most bytes that may be taken on all devices.</summary>
    public long LimitBytes
    {
        get
        {
            long limit = 0;
            foreach (CacheDevice device in _devices)
            {
                limit += device.LimitBytes;
            }

            return limit;
        }
    }

    /// <summary>Whether an entry of a dataset has room now, before it is fetched. A promise to nobody: others may come first.</summary>
    public bool HasRoom(uint dataset, long bytes)
    {
        if (_datasets?[dataset] is not { } usage || usage.Bytes + bytes > usage.QuotaBytes)
        {
            return false;
        }

        foreach (CacheDevice device in _devices)
        {
            if (device.Health == DeviceHealth.Healthy && device.LimitBytes - device.LiveDiskBytes >= bytes)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Why an entry has no room, in words for people: the end of a sentence.</summary>
    public string DescribeLack(uint dataset, long bytes)
    {
        if (_datasets is { } datasets && datasets[dataset] is var usage && usage.Bytes + bytes > usage.QuotaBytes)
        {
            return $"its quota of {ByteSize.Format(usage.QuotaBytes)} is used up (--cache-quota)";
        }

        foreach (CacheDevice device in _devices)
        {
            if (device.Health != DeviceHealth.Healthy)
            {
                return $"{device.Options.Directory} is {device.Health.ToString().ToLowerInvariant()}: {device.Problem}";
            }
        }

        return $"the cache is full at {ByteSize.Format(LimitBytes)} (--cache-size, --min-free)";
    }

    /// <summary>Lets upkeep make room: what nobody uses leaves, and what left gives its space back. Returns when it has tried.</summary>
    public async Task MakeRoomAsync(CancellationToken cancellationToken)
    {
        // The round under way may have begun before we asked.
        for (int i = 0; i < 2; i++)
        {
            Task round = Volatile.Read(ref _round).Task;
            WakeUpkeep();
            await round.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Drops what is here of a file. Bytes that the kernel reads by itself stay on disk until their readers close.</summary>
    /// <returns>Payload bytes gone; <paramref name="isPinned"/>: it stays since it is pinned.</returns>
    public long Evict(in FileKey key, bool isSmall, out bool isPinned)
    {
        isPinned = false;
        long gone = 0;
        foreach (CacheDevice device in _devices)
        {
            if (isSmall && device.Segments.TryFind(key, out RecordLocation location))
            {
                isPinned |= IsPinned(location);
                gone += IsPinned(location) ? 0 : RemoveSmall(device, key, location);
            }
            else if (!isSmall && device.Large.Find(key) is { } file)
            {
                isPinned |= file.Info.IsPinned;
                gone += file.Info.IsPinned ? 0 : Remove(file);
            }
        }

        return gone;
    }

    /// <summary>Drops everything that a dataset brought in, of whatever version, but for pinned files.</summary>
    /// <returns>Payload bytes gone.</returns>
    public long EvictDataset(uint dataset)
    {
        long gone = 0;
        foreach (CacheDevice device in _devices)
        {
            gone += Evict(device, long.MaxValue, (_, location) => location.Dataset == dataset && !IsPinned(location), file => file.Dataset == dataset && !file.Info.IsPinned);
        }

        return gone;
    }

    /// <summary>Says whether a file may be evicted to make room. Safe against kills after <see cref="FlushAsync"/>.</summary>
    /// <returns>False when nothing of it is here.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public bool SetPinned(in FileKey key, bool isSmall, bool isPinned)
    {
        bool isHere = false;
        foreach (CacheDevice device in _devices)
        {
            if (isSmall && device.Segments.SetPinned(key, isPinned))
            {
                isHere = true;
                device.Policy.SetPinned(new CacheEntryId(key, 0), isPinned);
            }
            else if (!isSmall && device.Large.Find(key) is { } file)
            {
                isHere = true;
                file.SetPinned(isPinned);
                for (int block = 0; block < LargeFile.BlocksOf(file.Size); block++)
                {
                    device.Policy.SetPinned(new CacheEntryId(key, block), isPinned);
                }
            }
        }

        return isHere;
    }

    /// <summary>Puts what was decided about small files on disk: a kill from here on undoes none of it.</summary>
    /// <exception cref="CacheException"><c>DeviceFull</c>, <c>DeviceFailed</c>.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        foreach (CacheDevice device in _devices)
        {
            await _checkpointing.WaitAsync(cancellationToken);
            try
            {
                await device.CheckpointAsync(cancellationToken);
            }
            finally
            {
                _checkpointing.Release();
            }
        }
    }

    /// <summary>Gives the space of what was evicted back to the file system, as far as that is worth its writes.</summary>
    public async Task ReclaimAsync(CancellationToken cancellationToken)
    {
        foreach (CacheDevice device in _devices)
        {
            while (device.Segments.FreeableBytes > device.SegmentBytes && await device.Segments.CleanAsync(MaxLiveShareToClean, cancellationToken))
            {
            }
        }
    }

    private readonly SemaphoreSlim _checkpointing = new(1);

    private void EndRound() => Interlocked.Exchange(ref _round, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
