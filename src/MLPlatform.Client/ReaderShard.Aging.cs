namespace MLPlatform.Client;

/// <summary>What is dropped and when: after its time, for memory, for a bound, or because its file is closed.</summary>
internal sealed partial class ReaderShard
{
    // Looking further for a file without pending reads would make an insertion slow.
    private const int MaxFilesLookedAt = 8;

    // A store that has been told to end does so within milliseconds; readers past their deadline wait no longer for its reason.
    private static readonly TimeSpan s_causeGrace = TimeSpan.FromSeconds(2);

    /// <summary>When the oldest idle part became idle. A hint, read without the lock.</summary>
    public long IdleSince => _idle.FirstSince;

    /// <summary>Drops what has had its time and fails reads past their deadline. Called by the reader's timer.</summary>
    /// <returns>True when nothing is left.</returns>
    public bool Sweep(long now)
    {
        lock (_lock)
        {
            while (_pending.First is { } late && late.Deadline <= now)
            {
                ExpireUnsynchronized(late, now);
            }

            while (_expired.First is { } overdue && overdue.Deadline <= now)
            {
                FailOverdueUnsynchronized(overdue);
            }

            while (_consumed.First is { } consumed && Owner.IsOlder(consumed.ListedSince, now, Owner.Options.ConsumedGrace))
            {
                DetachUnsynchronized(consumed);
            }

            while (_idle.First is { } idle && Owner.IsOlder(idle.ListedSince, now, Owner.Options.IdleTimeout))
            {
                DetachUnsynchronized(idle);
            }

            // A fetch ahead has no reader and so no deadline of its own.
            while (_ahead.First is { } ahead && Owner.IsOlder(ahead.ListedSince, now, Owner.Options.ReadTimeout))
            {
                GiveUpUnsynchronized(ahead);
            }

            FileState? file = _oldest;
            while (file is not null && Owner.IsOlder(file.LastUse, now, Owner.Options.IdleTimeout))
            {
                FileState? newer = file.Newer;
                if (file.Pending == 0)
                {
                    DropPartsUnsynchronized(file);
                    RemoveFileUnsynchronized(file);
                }

                file = newer;
            }

            return _files.Count == 0;
        }
    }

    /// <returns>Bytes of memory that are or will be free.</returns>
    public long DropConsumed(long bytes)
    {
        lock (_lock)
        {
            return DropUnsynchronized(_consumed, bytes, long.MaxValue);
        }
    }

    /// <summary>Drops idle parts that became idle before a point in time.</summary>
    public long DropIdle(long bytes, long before)
    {
        lock (_lock)
        {
            return DropUnsynchronized(_idle, bytes, before);
        }
    }

    /// <summary>Gives up fetches that no reader waits for, the furthest ahead first.</summary>
    public long DropUnderWay(long bytes)
    {
        lock (_lock)
        {
            long dropped = 0;
            while (dropped < bytes && _ahead.Last is { } part)
            {
                dropped += part.Memory.Capacity;
                GiveUpUnsynchronized(part);
            }

            return dropped;
        }
    }

    private long DropUnsynchronized(PartList list, long bytes, long before)
    {
        long dropped = 0;
        while (dropped < bytes && list.First is { } part && part.ListedSince <= before)
        {
            dropped += part.Memory.Capacity;
            DetachUnsynchronized(part);
        }

        return dropped;
    }

    /// <summary>
    /// The deadline of a read has passed. It may stay for a moment more to learn the cause: from its fetch, which is ended when nobody else waits
    /// for it, or from another one, when its own never had a turn.
    /// </summary>
    private void ExpireUnsynchronized(ReadOperation operation, long now)
    {
        Part part = operation.Parts[operation.Cursor];
        _pending.Remove(operation);
        operation.Deadline = now + Owner.Ticks(s_causeGrace);
        operation.ExpiredAt = part;
        part.ExpiredReaders++;
        _expired.Add(operation);
        if (part.State == PartState.Fetching && part.ExpiredReaders == part.Readers)
        {
            GiveUpUnsynchronized(part);
        }
    }

    /// <summary>No cause has come.</summary>
    private void FailOverdueUnsynchronized(ReadOperation operation)
    {
        Exception? cause = operation.File!.Queue.LastCause;
        string? reason = cause?.Message ?? (operation.ExpiredAt!.State == PartState.Queued ? "it still waited for its turn among the store's fetches" : null);
        FailUnsynchronized(operation, Owner.DeadlineExceeded(operation.File.Version, operation.Offset, (int)(operation.End - operation.Offset), reason, cause));
    }

    private void MakeRoomForFileUnsynchronized()
    {
        FileState? file = _oldest;
        for (int i = 0; i < MaxFilesLookedAt && file is not null && _files.Count >= _maxFiles; i++)
        {
            FileState? newer = file.Newer;
            if (file.Pending == 0)
            {
                DropPartsUnsynchronized(file);
                RemoveFileUnsynchronized(file);
            }

            file = newer;
        }
    }

    /// <summary>Drops all parts of a file that no read waits for.</summary>
    private void DropPartsUnsynchronized(FileState file)
    {
        for (int i = file.PartCount - 1; i >= 0; i--)
        {
            Part part = file.Parts[i];
            if (part.Readers > 0)
            {
                continue;
            }

            if (part.IsUnderWay)
            {
                GiveUpUnsynchronized(part);
            }
            else
            {
                DetachUnsynchronized(part);
            }
        }
    }

    /// <summary>Forgets a file without parts and pending reads. Idempotent: dropping the last part of a small file has forgotten it already.</summary>
    private void RemoveFileUnsynchronized(FileState file)
    {
        if (file.IsRemoved || file.PartCount > 0)
        {
            return;
        }

        file.IsRemoved = true;
        UnlinkUnsynchronized(file);
        _files.Remove(file.Version.Inode);
        CountStreamsUnsynchronized(file, 0);
    }
}
