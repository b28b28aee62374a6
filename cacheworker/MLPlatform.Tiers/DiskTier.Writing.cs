using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Eviction;
using MLPlatform.Tiers.LargeFiles;
using MLPlatform.Tiers.Segments;

namespace MLPlatform.Tiers;

/// <summary>Letting in and writing. Whatever fails here fails nobody's read: the bytes have been served already.</summary>
public sealed partial class DiskTier
{
    private long _writtenBytes;
    private long _rejectedBytes;

    /// <summary>Keeps a whole small file.</summary>
    /// <param name="payload">Its bytes, in memory that stays put until this has returned.</param>
    /// <param name="checksums">One for each unit.</param>
    /// <returns>Its place, or 0: there was no room, or the disk failed.</returns>
    public async ValueTask<ulong> AddSmallAsync(FileKey key, uint dataset, NativeSegment[] payload, ReadOnlyMemory<uint> checksums)
    {
        long length = 0;
        foreach (NativeSegment segment in payload)
        {
            length += segment.Length;
        }

        CacheEntryId entry = new(key, 0);
        if (IsWithinQuota(dataset, length) && _policy.Admits(entry, length, FreeBytes))
        {
            CacheDevice[] devices = _devices;
            for (int i = 0; i < devices.Length; i++)
            {
                // By its key, so that each device gets its share; another one when that is full or fails.
                CacheDevice device = devices[(int)((key.High + (ulong)i) % (ulong)devices.Length)];
                if (device.Health == DeviceHealth.Healthy && await AppendAsync(device, key, dataset, (int)length, payload, checksums) is > 0 and ulong place)
                {
                    Count(entry, dataset, length);
                    return place;
                }
            }

            WakeUpkeep();
        }

        Interlocked.Add(ref _rejectedBytes, length);
        return 0;
    }

    /// <summary>Keeps whole units of a large file.</summary>
    /// <param name="size">Of the whole file.</param>
    /// <returns>False: there was no room, or the disk failed.</returns>
    public async ValueTask<bool> AddLargeAsync(FileKey key, long size, uint dataset, long firstUnit, NativeSegment[] payload, ReadOnlyMemory<uint> checksums)
    {
        long length = 0;
        foreach (NativeSegment segment in payload)
        {
            length += segment.Length;
        }

        // What is here of the file already decides where the rest goes.
        CacheDevice? device = DeviceOfLarge(key);
        CacheEntryId entry = new(key, LargeFile.BlockOf(firstUnit));
        if (!IsWithinQuota(dataset, length) || !_policy.Admits(entry, length, FreeBytes) || (device = device is null ? TakeRoom(entry, length) : TakeRoom(device, entry, length)) is null)
        {
            Interlocked.Add(ref _rejectedBytes, length);
            return false;
        }

        try
        {
            long added = await Threads.RunAsync(() => device.Large.GetOrCreate(key, size, dataset).Write(firstUnit, payload, checksums.Span), _disposed.Token);
            Count(entry, dataset, added);
            return true;
        }
        catch (CacheException e)
        {
            device.Failed(e);
            return false;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        finally
        {
            device.EndReservation(length);
        }
    }

    private async ValueTask<ulong> AppendAsync(CacheDevice device, FileKey key, uint dataset, int length, NativeSegment[] payload, ReadOnlyMemory<uint> checksums)
    {
        try
        {
            return await device.Segments.AppendAsync(new SegmentRecord { Key = key, Length = length, Dataset = dataset, Payload = payload, UnitChecksums = checksums }, _disposed.Token);
        }
        catch (CacheException e)
        {
            device.Failed(e);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The tier is being closed.
        }

        return 0;
    }

    private void Count(in CacheEntryId entry, uint dataset, long length)
    {
        Interlocked.Add(ref _writtenBytes, length);
        Interlocked.Add(ref _freeBytes, -length);
        _datasets![dataset].Add(length);
        _policy.OnAdmitted(entry, length, isPinned: false);
    }

    // Adding up a large cache's segments for every file would cost more than the rest of adding it; a tenth of a second of writing is known by itself.
    private static readonly TimeSpan s_freeIsFresh = TimeSpan.FromMilliseconds(100);
    private long _freeBytes;
    private long _freeAt;

    private long FreeBytes
    {
        get
        {
            long at = Interlocked.Read(ref _freeAt);
            if (at == 0 || _time.GetElapsedTime(at) > s_freeIsFresh)
            {
                long free = 0;
                foreach (CacheDevice device in _devices)
                {
                    free += Math.Max(0, device.LimitBytes - device.LiveDiskBytes);
                }

                Interlocked.Exchange(ref _freeBytes, free);
                Interlocked.Exchange(ref _freeAt, _time.GetTimestamp());
            }

            return Interlocked.Read(ref _freeBytes);
        }
    }

    private bool IsWithinQuota(uint dataset, long length) => _datasets is { } datasets && datasets[dataset] is var usage && (usage.QuotaBytes is not { } quota || usage.Bytes + length <= quota);

    /// <summary>The device for a new entry: by its key, so that each device gets its share; another one when that is full or fails.</summary>
    private CacheDevice? TakeRoom(in CacheEntryId entry, long bytes)
    {
        CacheDevice[] devices = _devices;
        for (int i = 0; i < devices.Length; i++)
        {
            if (TakeRoom(devices[(int)((entry.Key.High + (ulong)i) % (ulong)devices.Length)], entry, bytes) is { } device)
            {
                return device;
            }
        }

        // Something may be able to leave: upkeep looks, and later entries profit.
        WakeUpkeep();
        return null;
    }

    private static CacheDevice? TakeRoom(CacheDevice device, in CacheEntryId entry, long bytes) => device.TryReserve(bytes) ? device : null;

    private CacheDevice? DeviceOfLarge(in FileKey key)
    {
        foreach (CacheDevice device in _devices)
        {
            if (device.Large.Find(key) is not null)
            {
                return device;
            }
        }

        return null;
    }
}
