using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Client;

/// <summary>What a read misses: its holes become parts, or it waits for memory.</summary>
internal sealed partial class ReaderShard
{
    private readonly List<NewPart> _newParts = [];

    /// <summary>Memory for the parts of one read: how hard to try.</summary>
    private enum Appetite
    {
        /// <summary>The extents that the file's reads suggest, as long as a quarter of the budget stays free.</summary>
        Full,

        /// <summary>Full where it is still possible, else the bare holes.</summary>
        Bare,
    }

    private readonly record struct NewPart(long Offset, int Length, PartMemory Memory, int MemoryOffset);

    public ValueTask<ReadLease> ReadAsync(FileVersion version, long offset, int count, CancellationToken cancellationToken)
    {
        long started = Owner.Now();
        ReadOperation? operation;
        bool wantsMemory;
        lock (_lock)
        {
            FileState file = GetFileForReadUnsynchronized(version);
            ReadStream? stream = ObserveUnsynchronized(file, offset, count, mayAllocate: true);
            operation = TryBeginUnsynchronized(file, stream, offset, offset + count, started, Appetite.Full, null);
            wantsMemory = operation is null || (stream is not null && !PlanUnsynchronized(file, stream));
        }

        if (wantsMemory)
        {
            // What nobody reads any more gives way. A reader who waits may also take what is kept for later, readahead may not.
            Owner.Reclaim(Owner.AheadShortage(operation is null ? count + Owner.Options.PartBytes : Owner.Options.PartBytes), operation is null ? ReclaimDepth.Idle : ReclaimDepth.Stale);
            lock (_lock)
            {
                FileState file = GetFileForReadUnsynchronized(version);
                ReadStream? stream = file.Pattern?.FindConfirmed(offset + count);
                operation ??= TryBeginUnsynchronized(file, stream, offset, offset + count, started, Appetite.Bare, null);
                if (operation is not null && stream is not null)
                {
                    PlanUnsynchronized(file, stream);
                }
            }
        }

        return operation is null
            ? ReadStarvedAsync(version, offset, count, started, cancellationToken)
            : Wait(operation, cancellationToken);
    }

    private static ValueTask<ReadLease> Wait(ReadOperation operation, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled && operation.State == ReadOperation.Status.Pending)
        {
            operation.CancelWith(cancellationToken);
        }

        return operation.Task;
    }

    /// <summary>
    /// Waits in the budget's queue for memory for exactly this read, holding none and pinning nothing meanwhile; afterwards the read
    /// needs no more. So whoever waits for memory is waited for by nobody, and readers cannot lock each other out.
    /// </summary>
    private async ValueTask<ReadLease> ReadStarvedAsync(FileVersion version, long offset, int count, long started, CancellationToken cancellationToken)
    {
        BlockLease block;
        using (CancellationTokenSource deadline = new(Owner.Remaining(started), Owner.Time))
        using (CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken, Owner.Disposed))
        {
            try
            {
                block = await Owner.Pool.RentAsync(count, either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                CountError();
                throw Owner.IsDisposed ? Owner.Gone() : Owner.DeadlineExceeded(version, offset, count, "the memory budget is in use; raise --memory");
            }
            catch (CacheException)
            {
                CountError();
                throw;
            }
        }

        PartMemory memory = new(block);
        ReadOperation operation;
        lock (_lock)
        {
            try
            {
                FileState file = GetFileForReadUnsynchronized(version);
                operation = TryBeginUnsynchronized(file, null, offset, offset + count, started, Appetite.Bare, memory)!;
            }
            finally
            {
                memory.Release();
            }
        }

        Owner.ReclaimForWaiters();
        return await Wait(operation, cancellationToken);
    }

    /// <exception cref="CacheException">The file cannot be read any more, or the reader is gone.</exception>
    private FileState GetFileForReadUnsynchronized(FileVersion version)
    {
        if (_isDisposed)
        {
            throw Owner.Gone();
        }

        FileState file = GetFileUnsynchronized(version);
        if (file.Failure is { } failure)
        {
            _readErrors++;
            throw new CacheException(failure.Error, failure.Message, failure);
        }

        return file;
    }

    /// <summary>Makes parts for what the file lacks, pins all parts of the range and starts waiting for them.</summary>
    /// <param name="granted">Memory of exactly the range, which suffices for any holes in it; the caller stays its owner. Null: rent.</param>
    /// <returns>Null when the budget does not allow it now; nothing has changed then.</returns>
    private ReadOperation? TryBeginUnsynchronized(FileState file, ReadStream? stream, long offset, long end, long started, Appetite appetite, PartMemory? granted)
    {
        int first = file.FindEndingAfter(offset);
        if (!TryRentHolesUnsynchronized(file, stream, first, offset, end, appetite, granted))
        {
            foreach (NewPart part in _newParts)
            {
                part.Memory.Release();
            }

            _newParts.Clear();
            return null;
        }

        foreach (NewPart part in _newParts)
        {
            AddPartUnsynchronized(file, part, asked: (int)(Math.Min(end, part.Offset + part.Length) - Math.Max(offset, part.Offset)), isAhead: false);
        }

        _newParts.Clear();
        ReadOperation operation = TakeOperationUnsynchronized(file, offset, end);
        operation.Deadline = Owner.DeadlineOf(started);
        file.Pending++;
        for (int index = file.FindEndingAfter(offset); index < file.PartCount && file.Parts[index].Offset < end; index++)
        {
            Part part = file.Parts[index];
            operation.AddPart(part);
            operation.HitBytes += Math.Max(0, Math.Min(end, part.Offset + part.Readable) - Math.Max(offset, part.Offset));
            part.Readers++;
            PinUnsynchronized(part);
            if (part is { Readers: 1, State: PartState.Queued, IsAhead: true })
            {
                file.Queue.Promote(part);
            }
        }

        _pending.Add(operation);
        AdvanceUnsynchronized(operation);
        return operation;
    }

    private bool TryRentHolesUnsynchronized(FileState file, ReadStream? stream, int index, long offset, long end, Appetite appetite, PartMemory? granted)
    {
        long position = offset;
        while (file.FindHole(ref index, ref position, end, out long holeEnd))
        {
            if (granted is not null)
            {
                granted.AddOwner();
                _newParts.Add(new NewPart(position, (int)(holeEnd - position), granted, (int)(position - offset)));
                position = holeEnd;
                continue;
            }

            (long start, long stop) = ExtentUnsynchronized(file, stream, index, position, holeEnd);
            while (start < holeEnd)
            {
                int length = (int)Math.Min(stop - start, Owner.Options.PartBytes);
                PartMemory? memory = Owner.TryRentAhead(length);
                if (memory is null)
                {
                    if (appetite == Appetite.Full)
                    {
                        return false;
                    }

                    start = Math.Max(start, position);
                    length = (int)Math.Min(holeEnd - start, Owner.Options.PartBytes);
                    memory = PartMemory.TryRent(Owner.Pool, length);
                    if (memory is null)
                    {
                        return false;
                    }
                }

                _newParts.Add(new NewPart(start, length, memory, 0));
                start += length;
            }

            position = start;
        }

        return true;
    }

    /// <summary>How far a fetch for a hole reaches beyond it, without touching other parts.</summary>
    private (long Start, long Stop) ExtentUnsynchronized(FileState file, ReadStream? stream, int index, long holeStart, long holeEnd)
    {
        long floor = index > 0 ? file.Parts[index - 1].End : 0;
        if (_newParts.Count > 0)
        {
            NewPart last = _newParts[^1];
            floor = Math.Max(floor, last.Offset + last.Length);
        }

        long ceiling = index < file.PartCount ? file.Parts[index].Offset : file.Size;
        if (file.IsSmall)
        {
            return (floor, ceiling);
        }

        long unit = Owner.Options.RandomUnitBytes;
        long start = Math.Max(floor, holeStart - (holeStart % unit));
        long stop = holeEnd;
        if (stream is { IsStrided: false } && stream.Next >= holeEnd)
        {
            // A part serves its readers only when it is whole if the store does not guard its reads; they should not wait for readahead.
            int partBytes = PartBytesFor(WindowFor(file, stream));
            unit = Math.Max(unit, Owner.Source.IsGuarded(file.Version) ? partBytes : Math.Min(partBytes, 1 << 20));
        }

        stop = Math.Min(ceiling, (stop + unit - 1) / unit * unit);
        return (start, stop);
    }

    private Part AddPartUnsynchronized(FileState file, NewPart description, int asked, bool isAhead)
    {
        Part part = new(this, file, description.Offset, description.Length, description.Memory, description.MemoryOffset)
        {
            Asked = asked,
            IsAhead = isAhead,
        };
        file.Insert(part);
        PlaceUnsynchronized(part);
        file.Queue.Enqueue(part);
        return part;
    }

    private void CountError()
    {
        lock (_lock)
        {
            _readErrors++;
        }
    }
}
