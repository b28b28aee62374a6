using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>Bytes arrive, fetches end, reads are served or fail.</summary>
internal sealed partial class ReaderShard
{
    /// <summary>The part's turn has come.</summary>
    /// <returns>False when nobody wants it any more.</returns>
    public bool TryBeginFetch(Part part)
    {
        lock (_lock)
        {
            if (part.State == PartState.Detached)
            {
                return false;
            }

            part.State = PartState.Fetching;
            part.FetchStarted = Owner.Now();
            part.FetchSequence = ++_sequence;
            return true;
        }
    }

    /// <summary>The store has brought bytes. Called on its thread.</summary>
    public void OnArrived(Part part, int arrived)
    {
        lock (_lock)
        {
            AdvanceAllUnsynchronized(part.ArriveUnsynchronized(arrived, isReadable: part.IsGuarded));
        }
    }

    /// <summary>The store has returned, with all bytes of the right version or with a fault.</summary>
    public void OnFetchEnded(Part part, CacheException? failure)
    {
        bool isNews = false;
        lock (_lock)
        {
            // A cancellation is no fault of the store, and whoever caused it has been told.
            isNews = failure is not null && failure.Error != CacheError.Interrupted;
            EndFetchUnsynchronized(part, failure);
        }

        if (isNews)
        {
            Owner.Failures.Add(part.File.Version, failure!);
        }

        Owner.ReclaimForWaiters();
    }

    /// <summary>The token of a read has ended.</summary>
    public void Cancel(ReadOperation operation, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (operation.State != ReadOperation.Status.Pending)
            {
                return;
            }

            FailUnsynchronized(operation, new OperationCanceledException(cancellationToken));
        }

        Owner.ReclaimForWaiters();
    }

    private void EndFetchUnsynchronized(Part part, CacheException? failure)
    {
        if (failure is null)
        {
            Invariant.That(part.Arrived == part.Length);
            if (part.State != PartState.Detached)
            {
                part.State = PartState.Complete;
            }

            AdvanceAllUnsynchronized(part.ArriveUnsynchronized(part.Arrived, isReadable: true));
        }
        else
        {
            ReadOperation? waiters = part.TakeWaitersUnsynchronized();
            if (failure.IsTransient && part.State != PartState.Detached && WaitsLateComer(waiters, part))
            {
                RestartUnsynchronized(part, waiters, failure);
                return;
            }

            part.FailUnsynchronized(failure);
            if (part.State != PartState.Detached)
            {
                DetachUnsynchronized(part);
            }

            if (failure.Error == CacheError.VersionChanged && !part.File.IsRemoved)
            {
                part.File.Failure = failure;
                DropPartsUnsynchronized(part.File);
            }

            AdvanceAllUnsynchronized(waiters);
        }

        _prefetchBytes += Math.Max(0, part.Arrived - part.Asked);
        UnpinUnsynchronized(part);
    }

    /// <summary>Somebody joined the fetch after it had begun, perhaps long after: he has not had a try of his own.</summary>
    private static bool WaitsLateComer(ReadOperation? waiters, Part part)
    {
        for (; waiters is not null; waiters = waiters.NextWaiter)
        {
            if (waiters.Sequence > part.FetchSequence)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Fails the readers for whom the fetch was made and tries again for those who came later, who then are of the former. So each read has at most one
    /// failed fetch that it joined, and one of its own.</summary>
    private void RestartUnsynchronized(Part part, ReadOperation? waiters, CacheException failure)
    {
        while (waiters is not null)
        {
            ReadOperation operation = waiters;
            waiters = operation.NextWaiter;
            operation.NextWaiter = null;
            if (operation.Sequence > part.FetchSequence)
            {
                part.AddWaiterUnsynchronized(operation, operation.ReadableWanted);
            }
            else
            {
                FailUnsynchronized(operation, Explain(operation, failure));
            }
        }

        part.RestartUnsynchronized();
        part.IsAhead = false;
        part.File.Queue.Enqueue(part);
    }

    private void AdvanceAllUnsynchronized(ReadOperation? waiters)
    {
        while (waiters is not null)
        {
            ReadOperation operation = waiters;
            waiters = operation.NextWaiter;
            operation.NextWaiter = null;
            AdvanceUnsynchronized(operation);
        }
    }

    /// <summary>Goes on to the next part that does not hold what the read wants of it; serves the read when there is none.</summary>
    private void AdvanceUnsynchronized(ReadOperation operation)
    {
        for (; operation.Cursor < operation.PartCount; operation.Cursor++)
        {
            Part part = operation.Parts[operation.Cursor];
            int wanted = (int)(Math.Min(operation.End, part.End) - part.Offset);
            if (part.Readable >= wanted)
            {
                continue;
            }

            if (part.Failure is { } failure)
            {
                FailUnsynchronized(operation, Explain(operation, failure));
            }
            else
            {
                part.AddWaiterUnsynchronized(operation, wanted);
            }

            return;
        }

        LeaveQueueUnsynchronized(operation);
        TouchUnsynchronized(operation.File!);
        foreach (Part part in operation.Parts)
        {
            part.Readers--;

            // The rest of a part under way is what this reader will ask for next.
            part.IsAhead = true;
            PlaceUnsynchronized(part);
        }

        DeliverUnsynchronized(operation);
        operation.Succeed();
    }

    private void DeliverUnsynchronized(ReadOperation operation)
    {
        foreach (Part part in operation.Parts)
        {
            part.DeliverUnsynchronized(Math.Max(operation.Offset, part.Offset), Math.Min(operation.End, part.End));
        }

        _hitBytes += operation.HitBytes;
        _missBytes += operation.End - operation.Offset - operation.HitBytes;
        operation.BecomeLeaseUnsynchronized();
    }

    /// <summary>Each reader gets an exception of its own: it is thrown on several threads.</summary>
    private CacheException Explain(ReadOperation operation, CacheException failure)
    {
        if (operation.ExpiredAt is null)
        {
            return new CacheException(failure.Error, failure.Message, failure);
        }

        Exception? cause = failure.Error == CacheError.Interrupted ? failure.InnerException : failure;
        return Owner.DeadlineExceeded(operation.File!.Version, operation.Offset, (int)(operation.End - operation.Offset), cause?.Message, cause);
    }

    /// <summary>Ends a pending read without its bytes; parts that only it wanted are given up.</summary>
    private void FailUnsynchronized(ReadOperation operation, Exception failure)
    {
        LeaveQueueUnsynchronized(operation);
        if (failure is CacheException)
        {
            _readErrors++;
        }

        if (operation.Cursor < operation.PartCount)
        {
            operation.Parts[operation.Cursor].RemoveWaiterUnsynchronized(operation);
        }

        foreach (Part part in operation.Parts)
        {
            part.Readers--;
            if (part is { Readers: 0, IsUnderWay: true, IsAhead: false })
            {
                GiveUpUnsynchronized(part);
            }
            else if (part.State != PartState.Detached)
            {
                PlaceUnsynchronized(part);
            }

            UnpinUnsynchronized(part);
        }

        operation.FailUnsynchronized(failure);
    }

    private static void LeaveQueueUnsynchronized(ReadOperation operation)
    {
        operation.List!.Remove(operation);
        operation.File!.Pending--;
        if (operation.ExpiredAt is { } part)
        {
            part.ExpiredReaders--;
        }
    }

    /// <summary>Detaches a part under way and makes its fetch end soon.</summary>
    private void GiveUpUnsynchronized(Part part)
    {
        bool neverStarted = part.State == PartState.Queued && part.File.Queue.TryRemove(part);
        DetachUnsynchronized(part);
        if (neverStarted)
        {
            EndFetchUnsynchronized(part, Part.Cancelled(null));
        }
        else
        {
            part.CancelFetch();
        }
    }
}
