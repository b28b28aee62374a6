namespace MLPlatform.Client;

/// <summary>One reader's way through a file, as far as its requests tell: forward without gaps, or in equal strides. Guarded by its file's shard lock.</summary>
internal sealed class ReadStream
{
    /// <summary>Where this way began, or 64 MiB back; what lies between here and <see cref="Next"/> counts for the window.</summary>
    public long Start;

    /// <summary>Behind the furthest byte read.</summary>
    public long Next;

    /// <summary>Bytes between <see cref="Start"/> and <see cref="Next"/> that were jumped over and not read yet.</summary>
    public long HoleBytes;

    /// <summary>Reads that moved this stream on. One read alone is no stream.</summary>
    public int Run;

    /// <summary>Distance of two units' beginnings; zero for a forward reader, negative for one that goes backwards.</summary>
    public long Stride;

    /// <summary>Where the current unit of a strided reader begins, and the longest unit seen.</summary>
    public long UnitStart;

    public long UnitBytes;

    /// <summary>Fetching ahead is due when <see cref="Next"/> has come here.</summary>
    public long PlanAt;

    /// <summary>When it was last planned, and how fast the reader went since then.</summary>
    public long PlannedAt;

    public long PlannedNext;

    public double BytesPerSecond;

    /// <summary>Order of use among the streams of a file; zero is a free slot.</summary>
    public long LastUse;

    public bool IsUsed => LastUse != 0;

    public bool IsStrided => Stride != 0;

    /// <summary>Worth fetching ahead for.</summary>
    public bool IsConfirmed => Run >= 2;

    public void Begin(long offset, long end)
    {
        Start = offset;
        Next = end;
        HoleBytes = 0;

        // Who begins at the beginning will most likely read on.
        Run = offset == 0 ? 2 : 1;
        Stride = 0;
        PlanAt = 0;
        PlannedAt = 0;
        BytesPerSecond = 0;
    }

    public void BeginStride(long stride, long unitStart, long end, long unitBytes)
    {
        Begin(unitStart, end);
        Stride = stride;
        UnitStart = unitStart;
        UnitBytes = unitBytes;
        Run = 3;
    }
}
