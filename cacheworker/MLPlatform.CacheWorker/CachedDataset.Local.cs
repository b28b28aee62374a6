using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tiers;

namespace MLPlatform.CacheWorker;

/// <summary>Reads of what is here, for the mount: one system call, one pass of the checksum, no reader in between.</summary>
public sealed partial class CachedDataset
{
    private readonly PlaceTable _places = new();
    private readonly List<FileKey> _largeKeys = [];

    public LocalOutcome TryRead(ulong inode, long offset, int count, out ReadLease? lease)
    {
        lease = null;
        ulong place = _places.Get(inode, out int fileBytes);
        return place switch
        {
            PlaceTable.Unknown => LocalOutcome.Unknown,
            PlaceTable.Absent => LocalOutcome.Absent,
            _ => ReadAt(inode, place, fileBytes, offset, count, mayWait: false, out lease),
        };
    }

    public LocalOutcome TryRead(FileVersion file, long offset, int count, out ReadLease? lease)
    {
        lease = null;
        ulong place = Find(file);
        return place == PlaceTable.Absent ? LocalOutcome.Absent : ReadAt(file.Inode, place, SmallBytes(file), offset, count, mayWait: false, out lease);
    }

    public LocalOutcome Read(FileVersion file, long offset, int count, out ReadLease? lease)
    {
        lease = null;
        ulong place = _places.Get(file.Inode, out _);
        if (place == PlaceTable.Unknown)
        {
            place = Find(file);
        }

        return place == PlaceTable.Absent ? LocalOutcome.Absent : ReadAt(file.Inode, place, SmallBytes(file), offset, count, mayWait: true, out lease);
    }

    public bool Post(IThreadPoolWorkItem work) => _tier.Threads.TryPost(work);

    public IKernelFile? TryOpenForKernel(FileVersion file)
    {
        if (!IsCached(file) || IsSmall(file))
        {
            return null;
        }

        return _tier.TryLend(KeyOf(file)) is { } lease ? new KernelFile(lease) : null;
    }

    /// <summary>Asks the tiers by hash, and notes the answer under the inode.</summary>
    private ulong Find(FileVersion file)
    {
        if (!IsCached(file))
        {
            return Note(file, PlaceTable.Absent);
        }

        FileKey key = KeyOf(file);
        if (IsSmall(file))
        {
            return Note(file, _tier.TryFindSmall(key, out ulong place) ? place : PlaceTable.Absent);
        }

        return _tier.HasLarge(key) ? NoteLarge(file, key) : Note(file, PlaceTable.Absent);
    }

    private ulong Note(FileVersion file, ulong place)
    {
        _places.Set(file.Inode, place, SmallBytes(file));
        return place;
    }

    private ulong NoteLarge(FileVersion file, in FileKey key)
    {
        if (_places.Get(file.Inode, out _) is var known && known != PlaceTable.Absent && (known & PlaceTable.LargeTag) != 0)
        {
            return known;
        }

        lock (_largeKeys)
        {
            // Two threads may both come here for one file, which costs a second entry.
            _largeKeys.Add(key);
            return Note(file, PlaceTable.LargeTag | (uint)(_largeKeys.Count - 1));
        }
    }

    private FileKey LargeKey(ulong place)
    {
        lock (_largeKeys)
        {
            return _largeKeys[(int)(place & ~PlaceTable.LargeTag)];
        }
    }

    private static int SmallBytes(FileVersion file) => IsSmall(file) ? (int)file.Object.Size : 0;

    private LocalOutcome ReadAt(ulong inode, ulong place, int fileBytes, long offset, int count, bool mayWait, out ReadLease? lease)
    {
        lease = null;
        bool isLarge = (place & PlaceTable.LargeTag) != 0;
        int scratchBytes = isLarge ? DiskTier.LargeScratchBytes(offset, count) : DiskTier.SmallScratchBytes(fileBytes, offset, count);
        if (_pool.TryRent(scratchBytes) is not { } block)
        {
            // Where memory is short, the reader hands it out in order.
            return LocalOutcome.Absent;
        }

        ReadOutcome outcome = ReadOutcome.Miss;
        int start = 0;
        int length = 0;
        try
        {
            if (isLarge)
            {
                outcome = _tier.FindLarge(LargeKey(place)) is not { } file ? ReadOutcome.Miss : _tier.ReadLarge(file, offset, count, block.Address, scratchBytes, mayWait, out start, out length);
            }
            else
            {
                outcome = _tier.ReadSmall(place, fileBytes, offset, count, block.Address, scratchBytes, mayWait, out start, out length);
            }
        }
        finally
        {
            if (outcome != ReadOutcome.Hit)
            {
                block.Dispose();
            }
        }

        switch (outcome)
        {
            case ReadOutcome.Hit:
                Interlocked.Add(ref _localBytes, length);
                lease = new LocalLease(block, new NativeSegment(block.Address + start, length));
                return LocalOutcome.Served;
            case ReadOutcome.WouldBlock:
                return LocalOutcome.Later;
            default:
                // A small file is here whole or not at all: the next reader need not look here. Of a large one other ranges may be.
                if (!isLarge)
                {
                    _places.Set(inode, PlaceTable.Unknown, fileBytes);
                }

                return LocalOutcome.Absent;
        }
    }
}
