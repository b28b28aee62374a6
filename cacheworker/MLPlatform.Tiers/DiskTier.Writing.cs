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
        ulong place = 0;
        if (_datasets is { } datasets && datasets[dataset] is var usage && usage.TryReserve(length))
        {
            bool isRefused = false;
            CacheDevice[] devices = _devices;
            for (int i = 0; i < devices.Length && place == 0; i++)
            {
                // By its key, so that each device gets its share; another one when that is full or fails.
                CacheDevice device = devices[(int)((key.High + (ulong)i) % (ulong)devices.Length)];
                if (device.Health != DeviceHealth.Healthy)
                {
                    continue;
                }

                place = device.Policy.Admits(entry, length, device.FreeBytes) ? await AppendAsync(device, key, dataset, (int)length, payload, checksums) : 0;
                isRefused |= place == 0;
                if (place != 0)
                {
                    Interlocked.Add(ref _writtenBytes, length);
                    usage.Add(length);
                    device.Policy.OnAdmitted(entry, length, isPinned: false);
                }
            }

            usage.EndReservation(length);
            if (place == 0 && isRefused)
            {
                // Something may be able to leave: upkeep looks, and later entries profit.
                WakeUpkeep();
            }
        }

        if (place == 0)
        {
            Interlocked.Add(ref _rejectedBytes, length);
        }

        return place;
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

        if (_datasets is { } datasets && datasets[dataset] is var usage && usage.TryReserve(length))
        {
            try
            {
                if (TakeRoom(key, LargeFile.BlockOf(firstUnit), length) is { } device)
                {
                    try
                    {
                        await Threads.RunAsync(() => Write(device, key, size, dataset, firstUnit, payload, checksums), _disposed.Token);
                        return true;
                    }
                    catch (CacheException e)
                    {
                        device.Failed(e);
                    }
                    catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
                    {
                        // The tier is being closed.
                    }
                    finally
                    {
                        device.EndReservation(length);
                    }
                }
            }
            finally
            {
                usage.EndReservation(length);
            }
        }

        Interlocked.Add(ref _rejectedBytes, length);
        return false;
    }

    private long Write(CacheDevice device, FileKey key, long size, uint dataset, long firstUnit, NativeSegment[] payload, ReadOnlyMemory<uint> checksums)
    {
        if (device.Large.Find(key) is { } old && IsExpired(old.Info.Created))
        {
            Remove(old);
        }

        for (int attempt = 0; ; attempt++)
        {
            try
            {
                long added = device.Large.GetOrCreate(key, size, dataset).Write(firstUnit, payload, checksums.Span);
                Interlocked.Add(ref _writtenBytes, added);
                break;
            }
            catch (CacheException e) when (e.Error == CacheError.NotFound && attempt == 0)
            {
                // It was evicted between the look and the write.
            }
        }

        for (int block = LargeFile.BlockOf(firstUnit); block <= LargeFile.BlockOf(firstUnit + checksums.Length - 1); block++)
        {
            device.Policy.OnAdmitted(new CacheEntryId(key, block), LargeFile.BlockBytes, isPinned: false);
        }

        return checksums.Length;
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

    /// <summary>The device for units of a large file, with room taken on it. What is here of the file already decides; else its key, so that each device gets its share, and another one when that is
    /// full or fails.</summary>
    private CacheDevice? TakeRoom(in FileKey key, int block, long bytes)
    {
        CacheDevice[] devices = _devices;
        CacheDevice? home = DeviceOfLarge(key);
        CacheEntryId entry = new(key, block);
        bool isRefused = false;
        for (int i = 0; i < devices.Length; i++)
        {
            CacheDevice device = devices[(int)((key.High + (ulong)i) % (ulong)devices.Length)];
            if ((home is null || home == device) && device.Health == DeviceHealth.Healthy)
            {
                if (device.Policy.Admits(entry, bytes, device.FreeBytes) && device.TryReserve(bytes))
                {
                    return device;
                }

                isRefused = true;
            }
        }

        if (isRefused)
        {
            WakeUpkeep();
        }

        return null;
    }

    private CacheDevice? DeviceOfLarge(in FileKey key)
    {
        foreach (CacheDevice device in _devices)
        {
            if (device.IsReadable && device.Large.Find(key) is not null)
            {
                return device;
            }
        }

        return null;
    }
}
