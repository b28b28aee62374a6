using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Client;

/// <summary>What the reader holds for one file: its parts in order, and what its reads look like. Guarded by its shard's lock.</summary>
internal sealed class FileState(ReaderShard shard, FileVersion version, FetchQueue queue, bool isSmall) : IThreadPoolWorkItem
{
    private Part[] _parts = [];

    public FileVersion Version { get; } = version;

    public FetchQueue Queue { get; } = queue;

    public long Size => Version.Object.Size;

    /// <summary>Fetched whole at the first touch.</summary>
    public bool IsSmall { get; } = isSmall;

    public AccessPattern? Pattern { get; } = isSmall ? null : new AccessPattern(version.Object.Size);

    /// <summary>Sorted by offset; none overlaps another.</summary>
    public ReadOnlySpan<Part> Parts => _parts.AsSpan(0, PartCount);

    public int PartCount { get; private set; }

    /// <summary>Reads that wait.</summary>
    public int Pending { get; set; }

    /// <summary>The object is not the pinned version any more; every further read fails with this.</summary>
    public CacheException? Failure { get; set; }

    /// <summary>Planning has been handed to the thread pool.</summary>
    public bool IsPlanQueued { get; set; }

    /// <summary>How many of its streams are counted in the reader's share of memory.</summary>
    public int CountedStreams { get; set; }

    public long LastUse { get; set; }

    public bool IsRemoved { get; set; }

    public FileState? Older { get; set; }

    public FileState? Newer { get; set; }

    void IThreadPoolWorkItem.Execute() => shard.PlanQueued(this);

    /// <summary>Index of the first part that ends behind an offset.</summary>
    public int FindEndingAfter(long offset)
    {
        int low = 0;
        int high = PartCount;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_parts[middle].End <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>True when every byte of a range can be read now.</summary>
    public bool Holds(int index, long offset, long end)
    {
        for (; offset < end; index++)
        {
            if (index >= PartCount || _parts[index].Offset > offset)
            {
                return false;
            }

            Part part = _parts[index];
            if (Math.Min(end, part.End) > part.Offset + part.Readable)
            {
                return false;
            }

            offset = part.End;
        }

        return true;
    }

    /// <summary>The first bytes of a range that no part stands for.</summary>
    /// <param name="index">From <see cref="FindEndingAfter"/>; set to where a part for the hole would be inserted.</param>
    /// <param name="offset">Set to the hole's beginning.</param>
    /// <param name="holeEnd">The hole's end within the range.</param>
    public bool FindHole(ref int index, ref long offset, long end, out long holeEnd)
    {
        while (index < PartCount && _parts[index].Offset <= offset)
        {
            offset = Math.Max(offset, _parts[index].End);
            index++;
        }

        holeEnd = index < PartCount ? Math.Min(end, _parts[index].Offset) : end;
        return offset < end;
    }

    public void Insert(Part part)
    {
        int index = FindEndingAfter(part.Offset);
        Invariant.That(index == PartCount || _parts[index].Offset >= part.End, "parts of a file do not overlap");
        if (PartCount == _parts.Length)
        {
            Array.Resize(ref _parts, IsSmall ? PartCount + 1 : Math.Max(8, PartCount * 2));
        }

        Array.Copy(_parts, index, _parts, index + 1, PartCount - index);
        _parts[index] = part;
        PartCount++;
    }

    public void Remove(Part part)
    {
        int index = FindEndingAfter(part.Offset);
        Invariant.That(index < PartCount && _parts[index] == part);
        PartCount--;
        Array.Copy(_parts, index + 1, _parts, index, PartCount - index);
        _parts[PartCount] = null!;
    }
}
