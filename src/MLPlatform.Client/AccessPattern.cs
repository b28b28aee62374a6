namespace MLPlatform.Client;

/// <summary>
/// Recognises, from the ranges read, the streams that run through one file: several forward readers at once, each also slightly
/// out of order as the kernel's readahead and queues make them, and readers with a constant stride. What belongs to none
/// is random. It also learns how long runs in this file usually are, so that readers of records are not taken for readers of all of it.
/// Guarded by its file's shard lock. Knows nothing of parts.
/// </summary>
internal sealed class AccessPattern
{
    // Sixteen readers of one file at once, or one reader whose first requests come out of order.
    private const int MaxStreams = 16;

    // Most files have one reader, and many files may have state; four take its first requests in any order.
    private const int UsualStreams = 4;

    // So many runs must have ended before their length says anything.
    private const int RunsToLearn = 3;

    // What counts as the recent past of a stream. Twice this is the largest window that makes sense.
    private const long MaxSpanBytes = 64 << 20;

    // Eight outstanding requests of the kernel, whatever their size; small ones are cheap to tolerate.
    private const int SlackReads = 8;
    private const long MinSlackBytes = 256 << 10;
    private const long MaxSlackBytes = 8 << 20;

    // A stream that has proved itself keeps going over a jump; a young one must be gapless.
    private const int EstablishedRun = 4;

    private readonly long _size;
    private ReadStream[] _streams = new ReadStream[UsualStreams];
    private long _usualRunBytes;
    private int _endedRuns;
    private long _clock;
    private long _lastLone = -1;
    private long _beforeLastLone = -1;

    public AccessPattern(long size)
    {
        _size = size;
        for (int i = 0; i < _streams.Length; i++)
        {
            _streams[i] = new ReadStream();
        }
    }

    public ReadOnlySpan<ReadStream> Streams => _streams;

    /// <summary>Streams worth fetching ahead for, which share the memory for it.</summary>
    public int ConfirmedStreams { get; private set; }

    /// <summary>How far a stream will go on if it is as long as others in this file were: a limit for fetching ahead, which grows again
    /// when it goes on all the same.</summary>
    public long ExpectedRest(ReadStream stream)
    {
        if (_endedRuns < RunsToLearn)
        {
            return long.MaxValue;
        }

        long span = stream.Next - stream.Start;
        return span < _usualRunBytes ? _usualRunBytes - span : 2 * (span - _usualRunBytes);
    }

    /// <summary>Takes note of one read inside the file.</summary>
    /// <param name="mayAllocate">False on the path that must not: a new stream may then be overlooked until it misses.</param>
    /// <returns>The stream it belongs to, or null when it looks random.</returns>
    public ReadStream? Observe(long offset, int count, bool mayAllocate = true)
    {
        long end = offset + count;
        long slack = Math.Clamp((long)count * SlackReads, MinSlackBytes, MaxSlackBytes);
        ReadStream? stream = FindExact(offset, end) ?? FindNear(offset, end, slack) ?? Start(offset, end, mayAllocate);
        if (stream is null)
        {
            return null;
        }

        stream.LastUse = ++_clock;
        bool atEnd = stream.Stride < 0 ? stream.UnitStart + stream.Stride < 0 : stream.Next >= _size;
        if (atEnd)
        {
            stream.LastUse = 0; // Nothing lies ahead.
        }

        CountConfirmed();
        return stream.IsConfirmed && !atEnd ? stream : null;
    }

    /// <summary>The stream worth fetching ahead for that has come to an offset.</summary>
    public ReadStream? FindConfirmed(long next)
    {
        foreach (ReadStream stream in _streams)
        {
            if (stream.IsUsed && stream.IsConfirmed && stream.Next == next)
            {
                return stream;
            }
        }

        return null;
    }

    private ReadStream? FindExact(long offset, long end)
    {
        foreach (ReadStream stream in _streams)
        {
            if (!stream.IsUsed)
            {
                continue;
            }

            if (stream.IsStrided)
            {
                if (ContinuesStride(stream, offset, end))
                {
                    return stream;
                }
            }
            else if (offset == stream.Next)
            {
                Advance(stream, offset, end, MaxSlackBytes);
                return stream;
            }
            else if (end == stream.Start && stream.Next - stream.Start <= MaxSlackBytes)
            {
                // The stream began with the second request of its reader.
                stream.Start = offset;
                stream.Run++;
                return FindPredecessor(stream) ?? stream;
            }
        }

        return null;
    }

    /// <summary>The stream that ends where another begins, after taking it over.</summary>
    private ReadStream? FindPredecessor(ReadStream follower)
    {
        foreach (ReadStream stream in _streams)
        {
            if (stream != follower && stream is { IsUsed: true, IsStrided: false } && stream.Next == follower.Start)
            {
                Absorb(stream);
                return stream;
            }
        }

        return null;
    }

    private ReadStream? FindNear(long offset, long end, long slack)
    {
        foreach (ReadStream stream in _streams)
        {
            if (!stream.IsUsed || stream.IsStrided)
            {
                continue;
            }

            bool behind = stream.IsConfirmed && offset < stream.Next && offset >= Math.Max(stream.Start, stream.Next - slack);
            bool ahead = stream.Run >= EstablishedRun && offset > stream.Next && offset <= stream.Next + slack;
            if (behind || ahead)
            {
                Advance(stream, offset, end, slack);
                return stream;
            }
        }

        return null;
    }

    private static bool ContinuesStride(ReadStream stream, long offset, long end)
    {
        // A unit may be longer than one request of the kernel.
        if (offset == stream.Next && end - stream.UnitStart <= Math.Abs(stream.Stride))
        {
            stream.Next = end;
            stream.UnitBytes = Math.Max(stream.UnitBytes, end - stream.UnitStart);
            return true;
        }

        if (offset == stream.UnitStart + stream.Stride)
        {
            stream.UnitStart = offset;
            stream.Next = end;
            stream.UnitBytes = Math.Max(stream.UnitBytes, end - offset);
            stream.Run++;
            return true;
        }

        return false;
    }

    private void Advance(ReadStream stream, long offset, long end, long slack)
    {
        if (offset > stream.Next)
        {
            stream.HoleBytes += offset - stream.Next;
        }
        else
        {
            stream.HoleBytes = Math.Max(0, stream.HoleBytes - (Math.Min(end, stream.Next) - offset));
        }

        if (end > stream.Next)
        {
            stream.Next = end;
            stream.Run++;
        }

        Absorb(stream);
        long span = stream.Next - stream.Start;
        if (span > MaxSpanBytes)
        {
            stream.HoleBytes = (long)(stream.HoleBytes * ((double)MaxSpanBytes / span));
            stream.Start = stream.Next - MaxSpanBytes;
            span = MaxSpanBytes;
        }

        // More than a quarter left out, and more than requests in flight explain: it only looked like a stream.
        if (stream.HoleBytes > slack && stream.HoleBytes * 4 > span)
        {
            stream.Begin(offset, end);
            stream.Run = 1;
        }
    }

    /// <summary>A request that came early began a stream of its own, which this one has now caught up with.</summary>
    private void Absorb(ReadStream stream)
    {
        bool again = true;
        while (again)
        {
            again = false;
            foreach (ReadStream other in _streams)
            {
                if (other != stream && other is { IsUsed: true, IsStrided: false } && other.Next - other.Start <= MaxSlackBytes
                    && other.Start >= stream.Start && other.Start <= stream.Next)
                {
                    other.LastUse = 0;
                    if (other.Next > stream.Next)
                    {
                        stream.Next = other.Next;
                        stream.Run++;
                        again = true;
                    }
                }
            }
        }
    }

    private ReadStream? Start(long offset, long end, bool mayAllocate)
    {
        long stride = offset - _lastLone;
        bool isStride = _beforeLastLone >= 0 && stride == _lastLone - _beforeLastLone && stride != 0;
        ReadStream? unit = null;
        if (isStride)
        {
            foreach (ReadStream other in _streams)
            {
                if (other.IsUsed && !other.IsStrided && other.Start == _lastLone)
                {
                    unit = other;
                }
            }
        }

        _beforeLastLone = _lastLone;
        _lastLone = offset;
        if (isStride)
        {
            long unitBytes = Math.Max(end - offset, unit is null ? 0 : unit.Next - unit.Start);
            if (Math.Abs(stride) >= unitBytes)
            {
                ReadStream? strided = unit ?? Vacate(mayAllocate);
                strided?.BeginStride(stride, offset, end, unitBytes);
                return strided;
            }
        }

        ReadStream? stream = Vacate(mayAllocate);
        stream?.Begin(offset, end);
        return stream;
    }

    /// <summary>A free slot, else the oldest that is no stream yet, else a new one, else the oldest.</summary>
    private ReadStream? Vacate(bool mayAllocate)
    {
        ReadStream best = _streams[0];
        foreach (ReadStream stream in _streams)
        {
            if (!stream.IsUsed)
            {
                return stream;
            }

            if ((stream.IsConfirmed, stream.LastUse).CompareTo((best.IsConfirmed, best.LastUse)) < 0)
            {
                best = stream;
            }
        }

        if (best.IsConfirmed && _streams.Length < MaxStreams)
        {
            if (!mayAllocate)
            {
                return null;
            }

            int used = _streams.Length;
            Array.Resize(ref _streams, used * 2);
            for (int i = used; i < _streams.Length; i++)
            {
                _streams[i] = new ReadStream();
            }

            return _streams[used];
        }

        if (best is { IsConfirmed: true, IsStrided: false })
        {
            // Longer runs are learnt at once, shorter ones by and by: fetching too little costs a wait, too much only bytes.
            long span = best.Next - best.Start;
            _usualRunBytes = span > _usualRunBytes ? span : _usualRunBytes - ((_usualRunBytes - span) / 4);
            _endedRuns++;
        }

        return best;
    }

    private void CountConfirmed()
    {
        int confirmed = 0;
        foreach (ReadStream stream in _streams)
        {
            confirmed += stream.IsUsed && stream.IsConfirmed ? 1 : 0;
        }

        ConfirmedStreams = confirmed;
    }
}
