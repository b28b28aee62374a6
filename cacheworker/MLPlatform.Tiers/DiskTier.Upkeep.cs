using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Eviction;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.LargeFiles;

namespace MLPlatform.Tiers;

/// <summary>
/// What goes on beside reads and writes, in one task: making room, cleaning segments, checkpoints, probes of failed devices, looks at free space, expiry. Nobody waits for it.
/// </summary>
public sealed partial class DiskTier
{
    private static readonly TimeSpan s_upkeepPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_spacePeriod = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_expiryPeriod = TimeSpan.FromMinutes(1);

    // What a kill costs is reading the segments written since: half a minute of writing is opened in less than a second.
    private static readonly TimeSpan s_checkpointPeriod = TimeSpan.FromSeconds(30);

    // Room made at a time when somebody found none: a hundredth of the device, so that cleaning copies little and entries do not leave long before they must.
    private const int HeadroomShare = 100;

    // Copying more than this to get the rest back wears the disk more than it helps.
    private const double MaxLiveShareToClean = 0.75;

    // Keys looked up at a time: bounds the memory of an eviction, whatever it evicts.
    private const int BatchEntries = 16_384;

    private readonly SemaphoreSlim _wake = new(0, 1);
    private int _roomWanted;

    // The last look for room found nothing that may leave: the next comes with the next period, not with the next rejected file.
    private bool _isFruitless;
    private long _evictedBytes;

    private void WakeUpkeep()
    {
        if (Interlocked.Exchange(ref _roomWanted, 1) == 0 && !Volatile.Read(ref _isFruitless) && _wake.CurrentCount == 0)
        {
            try
            {
                _wake.Release();
            }
            catch (SemaphoreFullException)
            {
                // Somebody else has woken it.
            }
        }
    }

    private async Task UpkeepAsync()
    {
        Dictionary<CacheDevice, UpkeepState> states = _devices.ToDictionary(static d => d, _ => new UpkeepState());
        while (!_disposed.IsCancellationRequested)
        {
            try
            {
                await _wake.WaitAsync(s_upkeepPeriod, _disposed.Token);
                bool roomWanted = Interlocked.Exchange(ref _roomWanted, 0) != 0;
                long evicted = Interlocked.Read(ref _evictedBytes);
                foreach ((CacheDevice device, UpkeepState state) in states)
                {
                    await AttendAsync(device, state, roomWanted);
                }

                Volatile.Write(ref _isFruitless, roomWanted && evicted == Interlocked.Read(ref _evictedBytes));

                _datasets!.Save();
                ChargeIndexes();
            }
            catch (OperationCanceledException) when (_disposed.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) // It must go on: without it a full cache stays full.
            {
                CacheLog.UpkeepCrashed(_logger, e);
            }
            finally
            {
                EndRound();
            }
        }
    }

    private async Task AttendAsync(CacheDevice device, UpkeepState state, bool roomWanted)
    {
        try
        {
            device.ProbeIfFailed();
            if (!device.IsReadable)
            {
                return;
            }

            if (state.Space.IsDue(_time, s_spacePeriod))
            {
                device.LookAtSpace();
            }

            if (_options.TimeToLive is not null && state.Expiry.IsDue(_time, s_expiryPeriod))
            {
                Evict(device, long.MaxValue, (_, location) => IsExpired(location.Created), file => IsExpired(file.Info.Created));
            }

            MakeRoom(device, roomWanted, extraBytes: 0);
            await CleanAsync(device, roomWanted);

            // What left lies scattered in segments too full to be cleaned. More must leave before room comes of it, a little at a time and at most a quarter of all.
            long step = Math.Max(device.SegmentBytes, device.LimitBytes / HeadroomShare);
            for (long extra = step; (roomWanted || device.UsedBytes > device.LimitBytes) && !device.HasRoom && extra <= (device.LimitBytes / 4) + step; extra += step)
            {
                _disposed.Token.ThrowIfCancellationRequested();
                if (!MakeRoom(device, roomWanted, step))
                {
                    break;
                }

                await CleanAsync(device, roomWanted);
            }

            if (state.ChangedBytes != Interlocked.Read(ref _writtenBytes) + Interlocked.Read(ref _evictedBytes) && state.Checkpoint.IsDue(_time, s_checkpointPeriod))
            {
                state.ChangedBytes = Interlocked.Read(ref _writtenBytes) + Interlocked.Read(ref _evictedBytes);
                await CheckpointAsync(device, _disposed.Token);
            }
        }
        catch (CacheException e)
        {
            device.Failed(e);
        }
    }

    private async Task CleanAsync(CacheDevice device, bool roomWanted)
    {
        while ((device.Segments.FreeableBytes > device.CleaningThresholdBytes || ((roomWanted || device.UsedBytes > device.LimitBytes) && !device.HasRoom))
            && await device.Segments.CleanAsync(MaxLiveShareToClean, _disposed.Token))
        {
        }
    }

    private async Task CheckpointAsync(CacheDevice device, CancellationToken cancellationToken)
    {
        if (device.Health != DeviceHealth.Healthy)
        {
            return;
        }

        await _checkpointing.WaitAsync(cancellationToken);
        try
        {
            await device.CheckpointAsync(cancellationToken);
        }
        catch (CacheException e)
        {
            // The one before is still good, and what came after it is found by reading.
            CacheLog.CheckpointFailed(_logger, device.Options.Directory, e.Message);
        }
        finally
        {
            _checkpointing.Release();
        }
    }

    /// <summary>Lets entries go when the device holds more than it may, or when somebody found no room: first of datasets that nobody uses, then whom the policy
    /// names, and, only where the disk itself ran short, anybody.</summary>
    /// <param name="extraBytes">How much more than that, and than what has left already, should leave.</param>
    /// <returns>False: nothing left.</returns>
    private bool MakeRoom(CacheDevice device, bool roomWanted, long extraBytes)
    {
        long limit = device.FillableBytes;
        long headroom = roomWanted || _options.Eviction != EvictionKind.Uniform ? Math.Max(device.SegmentBytes, limit / HeadroomShare) : 0;
        long before = device.LiveDiskBytes;
        long target = extraBytes > 0 ? Math.Min(limit - headroom, before) - extraBytes : limit - headroom;
        foreach (DatasetUsage unused in _datasets!.Unused())
        {
            if (device.LiveDiskBytes <= target)
            {
                break;
            }

            Evict(device, device.LiveDiskBytes - target, (_, location) => location.Dataset == unused.Tag && !IsPinned(location), file => file.Dataset == unused.Tag && !file.Info.IsPinned);
        }

        EvictByPolicy(device, target);
        long most = extraBytes > 0 ? Math.Min(device.LimitBytes, before) - extraBytes : device.LimitBytes;
        if (device.LiveDiskBytes > most && device.UsedBytes > device.LimitBytes)
        {
            Evict(device, device.LiveDiskBytes - most, static (_, location) => !IsPinned(location), static file => !file.Info.IsPinned);
        }

        return device.LiveDiskBytes < before;
    }

    private void EvictByPolicy(CacheDevice device, long target)
    {
        List<CacheEntryId> busy = [];
        try
        {
            for (long excess = device.LiveDiskBytes - target; excess > 0 && device.Policy.TryPickVictim(out CacheEntryId victim);)
            {
                long removed = 0;
                while (device.Segments.TryFind(victim.Key, out RecordLocation location) && (removed = RemoveSmall(device, victim.Key, location)) == 0)
                {
                    // Cleaning moved it between the look and the removal.
                }

                excess -= removed;
                if (removed > 0)
                {
                    continue;
                }

                if (device.Large.Find(victim.Key) is { } file)
                {
                    // Told again what it has forgotten, unless the block is gone for good.
                    busy.Add(victim);
                    if (file.TryDropBlock(victim.Block, out long gone))
                    {
                        busy.RemoveAt(busy.Count - 1);
                        Interlocked.Add(ref _evictedBytes, gone);
                        excess -= gone;
                    }
                }
            }
        }
        finally
        {
            foreach (CacheEntryId entry in busy)
            {
                device.Policy.OnAdmitted(entry, LargeFile.BlockBytes, isPinned: false);
            }
        }
    }

    /// <summary>Lets small and large files of a device go that fit the description, until <paramref name="bytes"/> have gone.</summary>
    /// <returns>Payload bytes gone.</returns>
    private long Evict(CacheDevice device, long bytes, Func<FileKey, RecordLocation, bool> small, Func<LargeFile, bool> large)
    {
        long gone = 0;
        List<LargeFile> files = [];
        long chosen = 0;
        device.Large.ForEach(file =>
        {
            if (large(file))
            {
                files.Add(file);
                chosen += file.PresentBytes;
            }

            return chosen < bytes && files.Count < BatchEntries;
        });
        foreach (LargeFile file in files)
        {
            gone += Remove(file);
        }

        List<(FileKey Key, RecordLocation Location)> batch = [];
        do
        {
            batch.Clear();
            long found = 0;
            device.Segments.ForEach((key, location) =>
            {
                if (small(key, location))
                {
                    batch.Add((key, location));
                    found += location.Length;
                }

                return gone + found < bytes && batch.Count < BatchEntries;
            });
            foreach ((FileKey key, RecordLocation location) in batch)
            {
                gone += RemoveSmall(device, key, location);
            }
        }
        while (gone < bytes && batch.Count > 0 && !_disposed.IsCancellationRequested);
        return gone;
    }

    private long RemoveSmall(CacheDevice device, in FileKey key, in RecordLocation location)
    {
        if (!device.Segments.RemoveAt(key, location.Place))
        {
            return 0;
        }

        device.Policy.OnRemoved(new CacheEntryId(key, 0));
        Interlocked.Add(ref _evictedBytes, location.Length);
        _datasets![location.Dataset].Add(-location.Length);
        return location.Length;
    }

    private long Remove(LargeFile file)
    {
        long bytes = file.Delete();
        Interlocked.Add(ref _evictedBytes, bytes);
        return bytes;
    }

    private static bool IsPinned(in RecordLocation location) => (location.Flags & (uint)RecordFlags.Pinned) != 0;

    private bool IsExpired(uint created) => _options.TimeToLive is { } life && _time.GetUtcNow().ToUnixTimeSeconds() - created > life.TotalSeconds;

    /// <summary>The indexes' memory counts against the process's budget like everything else.</summary>
    private void ChargeIndexes()
    {
        long memory = _devices.Sum(static d => d.MemoryBytes);
        long difference = memory - _chargedBytes;
        if (difference > 0 && _budget.TryCharge(difference))
        {
            _chargedBytes = memory;
        }
        else if (difference < 0)
        {
            _budget.Return(-difference);
            _chargedBytes = memory;
        }
    }

    private sealed class UpkeepState
    {
        public Due Space;
        public Due Expiry;
        public Due Checkpoint;

        public long ChangedBytes { get; set; }
    }

    private struct Due
    {
        private long _last;

        public bool IsDue(TimeProvider time, TimeSpan period)
        {
            long now = time.GetTimestamp();
            if (_last != 0 && time.GetElapsedTime(_last, now) < period)
            {
                return false;
            }

            _last = now;
            return true;
        }
    }
}
