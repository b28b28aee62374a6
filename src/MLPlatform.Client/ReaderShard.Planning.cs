using System.Numerics;

namespace MLPlatform.Client;

/// <summary>Fetching ahead of streams, with what memory is free.</summary>
internal sealed partial class ReaderShard
{
    // Two readers' first megabytes: enough to keep a store busy, little enough when only a header is read.
    private const long HeadWindowBytes = 2 << 20;

    // Below this a request costs more than its bytes.
    private const int UsualMinPartBytes = 1 << 20;

    // A window is never shrunk below this for lack of speed, only for lack of memory.
    private const long SteadyWindowBytes = 16 << 20;

    private const int MaxStrideDepth = 16;

    /// <summary>The continuation of <see cref="TryRead"/> on the thread pool.</summary>
    public void PlanQueued(FileState file)
    {
        try
        {
            if (!TryPlan(file))
            {
                Owner.Reclaim(Owner.AheadShortage(Owner.Options.PartBytes), ReclaimDepth.Stale);
                TryPlan(file);
            }
        }
        catch (Exception e) // Nobody awaits this, and without readahead reads still work.
        {
            ReaderLog.HousekeepingCrashed(Owner.Logger, e);
        }
    }

    private bool TryPlan(FileState file)
    {
        lock (_lock)
        {
            file.IsPlanQueued = false;
            if (file.IsRemoved || file.Failure is not null)
            {
                return true;
            }

            bool done = true;
            foreach (ReadStream stream in file.Pattern!.Streams)
            {
                if (stream is { IsUsed: true, IsConfirmed: true } && stream.Next >= stream.PlanAt)
                {
                    done &= PlanUnsynchronized(file, stream);
                }
            }

            return done;
        }
    }

    /// <summary>Makes parts for what a stream will soon want.</summary>
    /// <returns>False when memory was short.</returns>
    private bool PlanUnsynchronized(FileState file, ReadStream stream)
    {
        if (stream.IsStrided)
        {
            return PlanStrideUnsynchronized(file, stream);
        }

        Measure(stream);
        long window = WindowFor(file, stream);
        int partBytes = PartBytesFor(window);
        long limit = Math.Min(file.Size, stream.Next + window);
        long position = stream.Next;
        int index = file.FindEndingAfter(position);
        while (file.FindHole(ref index, ref position, limit, out _))
        {
            // Parts begin and end at multiples of their size, so that those of several readers of one file meet. One that does not fit
            // into the window as a whole is left for later: few large requests are cheaper than many small ones.
            long stop = Math.Min((position / partBytes * partBytes) + partBytes, index < file.PartCount ? file.Parts[index].Offset : file.Size);
            if (stop > limit)
            {
                break;
            }

            if (!TryAddAheadUnsynchronized(file, position, stop))
            {
                stream.PlanAt = stream.Next + (window / 4);
                return false;
            }

            position = stop;
            index++;
        }

        stream.PlanAt = position >= file.Size ? long.MaxValue : Math.Max(stream.Next + 1, (position / partBytes * partBytes) + partBytes - window);
        return true;
    }

    private bool PlanStrideUnsynchronized(FileState file, ReadStream stream)
    {
        long unit = Owner.Options.RandomUnitBytes;
        int depth = Math.Min(MaxStrideDepth, 1 << Math.Clamp(stream.Run - 2, 0, 10));
        long budget = Math.Min(Owner.Options.MaxWindowBytes, Owner.StreamShareBytes);
        for (int ahead = 1; ahead <= depth && budget > 0; ahead++)
        {
            long start = stream.UnitStart + (ahead * stream.Stride);
            if (start < 0 || start >= file.Size)
            {
                break;
            }

            long stop = Math.Min(file.Size, (start + stream.UnitBytes + unit - 1) / unit * unit);
            long position = start / unit * unit;
            int index = file.FindEndingAfter(position);
            budget -= stop - position;
            while (file.FindHole(ref index, ref position, stop, out long holeEnd))
            {
                long end = Math.Min(holeEnd, position + Owner.Options.PartBytes);
                if (!TryAddAheadUnsynchronized(file, position, end))
                {
                    return false;
                }

                position = end;
                index++;
            }
        }

        return true;
    }

    private bool TryAddAheadUnsynchronized(FileState file, long start, long stop)
    {
        int length = (int)(stop - start);
        if (Owner.TryRentAhead(length) is not { } memory)
        {
            return false;
        }

        AddPartUnsynchronized(file, new NewPart(start, length, memory, 0), asked: 0, isAhead: true);
        return true;
    }

    private void Measure(ReadStream stream)
    {
        long now = Owner.Now();
        if (stream.PlannedAt != 0)
        {
            double seconds = Owner.Time.GetElapsedTime(stream.PlannedAt, now).TotalSeconds;
            if (seconds < 0.001)
            {
                return; // Too short to tell.
            }

            double speed = (stream.Next - stream.PlannedNext) / seconds;
            stream.BytesPerSecond = stream.BytesPerSecond == 0 ? speed : (stream.BytesPerSecond + speed) / 2;
        }

        stream.PlannedAt = now;
        stream.PlannedNext = stream.Next;
    }

    /// <summary>
    /// How far to fetch ahead: twice what was read in a row, so that a short run wastes little, and no further than runs in this file usually go; not more than what this reader consumes during
    /// two fetches (a reader that waits for us doubles that until its speed is its own); not more than its share of memory.
    /// </summary>
    private long WindowFor(FileState file, ReadStream stream)
    {
        long grown = (2 * (stream.Next - stream.Start - stream.HoleBytes)) + (stream.Start == 0 ? HeadWindowBytes : 0);
        grown = Math.Min(grown, file.Pattern!.ExpectedRest(stream));
        long needed = long.MaxValue;
        if (stream.BytesPerSecond > 0 && file.Queue.LatencySeconds > 0)
        {
            double twoFetches = 2 * stream.BytesPerSecond * file.Queue.LatencySeconds;
            needed = Math.Max(SteadyWindowBytes, (long)Math.Min(twoFetches, Owner.Options.MaxWindowBytes) + Owner.Options.PartBytes);
        }

        return Math.Min(Math.Min(grown, needed), Math.Min(Owner.Options.MaxWindowBytes, Owner.StreamShareBytes));
    }

    /// <summary>A quarter of the window, so that several fetches overlap; smaller than usual only where memory is.</summary>
    private int PartBytesFor(long window)
    {
        long least = Math.Min(UsualMinPartBytes, window / 2);
        long bytes = Math.Clamp(window / 4, least, Owner.Options.PartBytes);
        return (int)Math.Max(Owner.Options.RandomUnitBytes, (long)BitOperations.RoundUpToPowerOf2((ulong)bytes + 1) / 2);
    }
}
