using System.Diagnostics.CodeAnalysis;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Client;

/// <summary>
/// The files whose inode numbers fall into one shard, with their parts and reads. One lock guards all of it and is held for
/// bookkeeping only. Under it the shard may take the locks of a fetch queue and of the memory pool, never that of another shard: whoever
/// needs memory of all shards asks <see cref="FileReader.Reclaim"/> after letting go.
/// </summary>
/// <remarks>Split by concern: <c>Demand</c> (a read's missing bytes), <c>Fetch</c> (bytes arrive, reads end), <c>Planning</c> (fetching ahead),
/// <c>Aging</c> (what is dropped, and when).</remarks>
internal sealed partial class ReaderShard
{
    private const int MaxPooledOperations = 256;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, FileState> _files = [];
    private readonly PartList _consumed = new();
    private readonly PartList _idle = new();
    private readonly PartList _ahead = new();
    private readonly OperationList _pending = new();
    private readonly OperationList _expired = new();
    private readonly Stack<ReadOperation> _operations = new(MaxPooledOperations);
    private readonly int _maxFiles;
    private readonly long _maxConsumedBytes;
    private FileState? _oldest;
    private FileState? _newest;
    private long _sequence;
    private bool _isDisposed;

    private long _hitBytes;
    private long _missBytes;
    private long _prefetchBytes;
    private long _prefetchWastedBytes;
    private long _readErrors;

    public ReaderShard(FileReader owner, int maxFiles, long maxConsumedBytes)
    {
        Owner = owner;
        _maxFiles = maxFiles;
        _maxConsumedBytes = maxConsumedBytes;
    }

    public FileReader Owner { get; }

    public bool TryRead(ulong inode, long offset, int count, [MaybeNullWhen(false)] out ReadLease lease)
    {
        FileState? toPlan = null;
        lock (_lock)
        {
            if (!_files.TryGetValue(inode, out FileState? file) || file.Failure is not null)
            {
                lease = null;
                return false;
            }

            long end = Math.Min(offset + count, file.Size);
            if (end <= offset)
            {
                lease = EmptyLease.Instance;
                return true;
            }

            int index = file.FindEndingAfter(offset);
            if (!file.Holds(index, offset, end))
            {
                lease = null;
                return false;
            }

            TouchUnsynchronized(file);
            ReadOperation operation = TakeOperationUnsynchronized(file, offset, end);
            for (; index < file.PartCount && file.Parts[index].Offset < end; index++)
            {
                PinUnsynchronized(file.Parts[index]);
                operation.AddPart(file.Parts[index]);
            }

            operation.HitBytes = end - offset;
            DeliverUnsynchronized(operation);
            lease = operation;
            if (ObserveUnsynchronized(file, offset, (int)(end - offset), mayAllocate: false) is { } stream && stream.Next >= stream.PlanAt && !file.IsPlanQueued)
            {
                file.IsPlanQueued = true;
                toPlan = file;
            }
        }

        if (toPlan is not null)
        {
            ThreadPool.UnsafeQueueUserWorkItem(toPlan, preferLocal: false);
        }

        return true;
    }

    /// <summary>The caller is done with a lease.</summary>
    public void Release(ReadOperation operation)
    {
        lock (_lock)
        {
            foreach (Part part in operation.Parts)
            {
                UnpinUnsynchronized(part);
            }

            RecycleUnsynchronized(operation);
        }

        Owner.ReclaimForWaiters();
    }

    /// <summary>The caller has taken note of a failed read.</summary>
    public void Recycle(ReadOperation operation)
    {
        lock (_lock)
        {
            RecycleUnsynchronized(operation);
        }
    }

    public void Close(ulong inode)
    {
        lock (_lock)
        {
            if (_files.TryGetValue(inode, out FileState? file))
            {
                DropPartsUnsynchronized(file);
                if (file.Pending == 0)
                {
                    RemoveFileUnsynchronized(file);
                }
            }
        }

        Owner.ReclaimForWaiters();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            CacheException gone = Owner.Gone();
            while ((_pending.First ?? _expired.First) is { } operation)
            {
                FailUnsynchronized(operation, gone);
            }

            while (_oldest is { } file)
            {
                DropPartsUnsynchronized(file);
                RemoveFileUnsynchronized(file);
            }
        }
    }

    public void AddTo(ref ReaderCounters counters)
    {
        lock (_lock)
        {
            counters = counters with
            {
                ReadBytes = counters.ReadBytes + _hitBytes + _missBytes,
                HitBytes = counters.HitBytes + _hitBytes,
                MissBytes = counters.MissBytes + _missBytes,
                PrefetchBytes = counters.PrefetchBytes + _prefetchBytes,
                PrefetchWastedBytes = counters.PrefetchWastedBytes + _prefetchWastedBytes,
                ReadErrors = counters.ReadErrors + _readErrors,
                OpenFiles = counters.OpenFiles + _files.Count,
                PendingReads = counters.PendingReads + _pending.Count + _expired.Count,
            };
        }
    }

    private ReadOperation TakeOperationUnsynchronized(FileState file, long offset, long end)
    {
        if (!_operations.TryPop(out ReadOperation? operation))
        {
            operation = new ReadOperation(this);
        }

        operation.Begin(file, offset, end, ++_sequence);
        return operation;
    }

    private void RecycleUnsynchronized(ReadOperation operation)
    {
        operation.Reset();
        if (_operations.Count < MaxPooledOperations)
        {
            _operations.Push(operation);
        }
    }

    private FileState GetFileUnsynchronized(FileVersion version)
    {
        if (!_files.TryGetValue(version.Inode, out FileState? file))
        {
            MakeRoomForFileUnsynchronized();
            file = new FileState(this, version, Owner.QueueOf(version), version.Object.Size <= Owner.Options.SmallFileBytes);
            _files.Add(version.Inode, file);
            AppendUnsynchronized(file);
        }

        TouchUnsynchronized(file);
        return file;
    }

    private void TouchUnsynchronized(FileState file)
    {
        file.LastUse = Owner.RoughNow;
        if (_newest != file)
        {
            UnlinkUnsynchronized(file);
            AppendUnsynchronized(file);
        }
    }

    private void AppendUnsynchronized(FileState file)
    {
        file.Older = _newest;
        file.Newer = null;
        if (_newest is null)
        {
            _oldest = file;
        }
        else
        {
            _newest.Newer = file;
        }

        _newest = file;
    }

    private void UnlinkUnsynchronized(FileState file)
    {
        if (file.Older is null)
        {
            _oldest = file.Newer;
        }
        else
        {
            file.Older.Newer = file.Newer;
        }

        if (file.Newer is null)
        {
            _newest = file.Older;
        }
        else
        {
            file.Newer.Older = file.Older;
        }
    }

    private ReadStream? ObserveUnsynchronized(FileState file, long offset, int count, bool mayAllocate)
    {
        if (file.Pattern is not { } pattern)
        {
            return null;
        }

        ReadStream? stream = pattern.Observe(offset, count, mayAllocate);
        CountStreamsUnsynchronized(file, pattern.ConfirmedStreams);
        return stream;
    }

    private void CountStreamsUnsynchronized(FileState file, int streams)
    {
        if (streams != file.CountedStreams)
        {
            Owner.AddStreams(streams - file.CountedStreams);
            file.CountedStreams = streams;
        }
    }

    private void PinUnsynchronized(Part part)
    {
        part.Pins++;
        PlaceUnsynchronized(part);
    }

    private void UnpinUnsynchronized(Part part)
    {
        part.Pins--;
        Invariant.That(part.Pins >= 0);
        if (part.State == PartState.Detached)
        {
            if (part.Pins == 0)
            {
                FreeUnsynchronized(part);
            }

            return;
        }

        PlaceUnsynchronized(part);
        while (_consumed.Bytes > _maxConsumedBytes)
        {
            DetachUnsynchronized(_consumed.First!);
        }
    }

    /// <summary>Puts a part into the list its state asks for; see the diagram of <see cref="Part"/>.</summary>
    private void PlaceUnsynchronized(Part part)
    {
        PartList? list = null;
        if (part.IsUnderWay)
        {
            list = part.Readers == 0 ? _ahead : null;
        }
        else if (part.State == PartState.Complete && part.Pins == 0)
        {
            list = part.IsConsumed ? _consumed : _idle;
        }

        if (part.List != list)
        {
            part.List?.Remove(part);
            part.ListedSince = Owner.RoughNow;
            list?.AddLast(part);
        }
    }

    /// <summary>Readers do not find it any more; its memory goes back when nobody uses it.</summary>
    private void DetachUnsynchronized(Part part)
    {
        Invariant.That(part.State != PartState.Detached);
        part.List?.Remove(part);
        part.State = PartState.Detached;
        FileState file = part.File;
        file.Remove(part);
        if (part.Pins == 0)
        {
            FreeUnsynchronized(part);
        }

        // A small file has nothing worth remembering once its bytes are gone.
        if (file.IsSmall && file.PartCount == 0 && file.Pending == 0 && file.Failure is null && !file.IsRemoved)
        {
            RemoveFileUnsynchronized(file);
        }
    }

    private void FreeUnsynchronized(Part part)
    {
        _prefetchWastedBytes += Math.Max(0, part.Arrived - Math.Max(part.Delivered, part.Asked));
        part.Memory.Release();
    }
}
