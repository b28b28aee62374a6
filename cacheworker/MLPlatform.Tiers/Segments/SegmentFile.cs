namespace MLPlatform.Tiers.Segments;

/// <summary>What is known of one segment. The store's writer appends; any thread reads and counts.</summary>
internal sealed class SegmentFile(long number, string path)
{
    private long _end;
    private long _diskBytes;
    private long _liveBytes;
    private long _liveRecords;

    public long Number => number;

    public string Path => path;

    /// <summary>Null while nobody reads it; taken out by whoever closes it.</summary>
    public SegmentDescriptor? Descriptor;

    /// <summary>Read since the last look for descriptors that nobody needs.</summary>
    public volatile bool IsRecent;

    /// <summary>Nothing is appended any more. False for the open segment alone.</summary>
    public volatile bool IsClosed;

    /// <summary>Its file is, or is about to be, removed.</summary>
    public volatile bool IsGone;

    /// <summary>Where written records end.</summary>
    public long End
    {
        get => Volatile.Read(ref _end);
        set => Volatile.Write(ref _end, value);
    }

    /// <summary>Bytes its file takes on the device.</summary>
    public long DiskBytes
    {
        get => Volatile.Read(ref _diskBytes);
        set => Volatile.Write(ref _diskBytes, value);
    }

    /// <summary>Of <see cref="DiskBytes"/>, those of records that the index has.</summary>
    public long LiveBytes => Volatile.Read(ref _liveBytes);

    public long LiveRecords => Volatile.Read(ref _liveRecords);

    public void Count(int payloadBytes, int sign)
    {
        Interlocked.Add(ref _liveBytes, sign * (long)(SegmentFormat.RecordBytesOf(payloadBytes) + SegmentFormat.TableRowBytes));
        Interlocked.Add(ref _liveRecords, sign);
    }
}
