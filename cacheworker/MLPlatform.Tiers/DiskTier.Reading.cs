using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Eviction;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.LargeFiles;
using MLPlatform.Tiers.Segments;

namespace MLPlatform.Tiers;

/// <summary>Finding and reading. A device that fails a read is a miss here and a change of its health.</summary>
public sealed partial class DiskTier
{
    /// <summary>Memory that a read of a small file needs.</summary>
    public static int SmallScratchBytes(int fileBytes, long offset, int count) => SegmentStore.ScratchBytes(fileBytes, offset, count);

    /// <summary>Memory that a read of a large file needs.</summary>
    public static int LargeScratchBytes(long offset, int count) => LargeFile.ScratchBytes(offset, count);

    /// <summary>Where a small file lies; never waits.</summary>
    /// <param name="place">Never another file's: a file that moved or left makes reads of its old place a miss.</param>
    public bool TryFindSmall(in FileKey key, out ulong place)
    {
        place = 0;
        try
        {
            foreach (CacheDevice device in _devices)
            {
                if (device.IsReadable && device.Segments.TryFind(key, out RecordLocation location) && !IsExpired(location.Created))
                {
                    place = location.Place;
                    return true;
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The tier has been closed.
        }

        return false;
    }

    /// <summary>Reads from a small file.</summary>
    /// <param name="fileBytes">Length of the file.</param>
    /// <param name="scratch">At least <see cref="SmallScratchBytes"/> of native memory.</param>
    /// <param name="mayWait">False on threads that must not wait for a disk.</param>
    /// <param name="start">Where in the scratch memory the bytes begin, after a hit.</param>
    /// <param name="length">How many they are: what was asked for, cut at the file's end.</param>
    public ReadOutcome ReadSmall(ulong place, int fileBytes, long offset, int count, nint scratch, int scratchBytes, bool mayWait, out int start, out int length)
    {
        start = 0;
        length = 0;
        CacheDevice? device = DeviceOf(RecordPlace.Unpack(place).Device);
        if (device is not { IsReadable: true })
        {
            return ReadOutcome.Miss;
        }

        try
        {
            ReadOutcome outcome = device.Segments.TryRead(place, fileBytes, offset, count, scratch, scratchBytes, mayWait, out start, out length);
            if (outcome == ReadOutcome.Hit)
            {
                device.Policy.OnHit(new CacheEntryId(SegmentFormat.KeyIn(scratch), 0));
            }

            return outcome;
        }
        catch (CacheException e)
        {
            device.Failed(e);
            return ReadOutcome.Miss;
        }
        catch (ObjectDisposedException)
        {
            // The tier has been closed.
            return ReadOutcome.Miss;
        }
    }

    /// <summary>Whether anything of a large file is here; never waits.</summary>
    public bool HasLarge(in FileKey key) => FindLarge(key) is not null;

    /// <summary>A large file of which something is here.</summary>
    internal LargeFile? FindLarge(in FileKey key)
    {
        foreach (CacheDevice device in _devices)
        {
            if (device.IsReadable && device.Large.Find(key) is { } file && !IsExpired(file.Info.Created))
            {
                return file;
            }
        }

        return null;
    }

    /// <summary>Reads from a large file.</summary>
    /// <param name="scratch">At least <see cref="LargeScratchBytes"/> of native memory.</param>
    internal ReadOutcome ReadLarge(LargeFile file, long offset, int count, nint scratch, int scratchBytes, bool mayWait, out int start, out int length)
    {
        start = 0;
        length = 0;
        try
        {
            ReadOutcome outcome = file.TryRead(offset, count, scratch, scratchBytes, mayWait, out start, out length);
            if (outcome == ReadOutcome.Hit)
            {
                DeviceOfLarge(file.Key)?.Policy.OnHit(new CacheEntryId(file.Key, LargeFile.BlockOf(offset / CacheUnits.UnitBytes)));
            }

            return outcome;
        }
        catch (CacheException e)
        {
            DeviceOfLarge(file.Key)?.Failed(e);
            return ReadOutcome.Miss;
        }
    }

    /// <summary>Whether a unit of a large file is here, and where the run of units like it ends. May wait for the disk at the file's first use.</summary>
    internal bool FindRun(LargeFile file, long unit, long endUnit, out long runEnd)
    {
        try
        {
            file.FindRun(unit, endUnit, out bool isPresent, out runEnd);
            return isPresent;
        }
        catch (CacheException e)
        {
            DeviceOfLarge(file.Key)?.Failed(e);
            runEnd = endUnit;
            return false;
        }
    }

    /// <summary>A whole file for somebody who reads without us, if all of it has been read and found right since start.</summary>
    internal PassthroughLease? TryLend(in FileKey key)
    {
        if (FindLarge(key) is not { } file)
        {
            return null;
        }

        try
        {
            if (file.TryLend() is { } lease)
            {
                return lease;
            }

            VerifySoon(file);
            return null;
        }
        catch (CacheException e)
        {
            DeviceOfLarge(key)?.Failed(e);
            return null;
        }
    }

    private CacheDevice? DeviceOf(int number)
    {
        foreach (CacheDevice device in _devices)
        {
            if (device.Number == number)
            {
                return device;
            }
        }

        return null;
    }
}
