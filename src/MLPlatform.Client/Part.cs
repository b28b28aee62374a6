using System.Numerics;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Client;

/// <summary>
/// A run of one file's bytes that is fetched by one ranged read and kept in memory until it is consumed, aged or reclaimed. It is the sink
/// of its own fetch. Its state is guarded by its shard's lock, except what only the fetch touches.
/// </summary>
/// <remarks>
/// <code>
///    a reader's hole, or ahead of a stream
///                     │
///                     ▼     a slot is free           last byte in, version checked
///                 ┌────────┐            ┌──────────┐                 ┌──────────┐
///                 │ Queued │ ─────────▶ │ Fetching │ ──────────────▶ │ Complete │
///                 └────────┘            └──────────┘                 └──────────┘
///                     │                   │      │ readers are served     │
///                     │ no reader is left,│      │ as bytes come in,      │ all bytes were read and a grace is over,
///                     │ and it is not     │      │ if the store guards    │ nobody came for a while, or the memory
///                     │ fetched ahead     │      │ its reads              │ is needed
///                     │                   │ fault: readers who wait get it,│
///                     │                   │ but one who came after the     │
///                     │                   │ fetch began has it tried again │
///                     ▼                   ▼ (Queued)                       ▼
///                 ┌────────────────────────────────────────────────────────┐
///                 │ Detached: a fetch still under way is cancelled; memory │
///                 │ goes back when fetch, readers and leases have let go   │
///                 └────────────────────────────────────────────────────────┘
/// </code>
/// A part that is not pinned stands in one of its shard's lists: complete and wholly read (<c>consumed</c>), complete and
/// not (<c>idle</c>, least recently used first); one under way that no reader waits for stands in <c>ahead</c>.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "A token source without timer and wait handle holds nothing; disposing it would race with CancelFetch.")]
internal sealed class Part : IReadSink, IThreadPoolWorkItem
{
    private const int MaxUnits = 128;
    private const int MinUnitBytes = 4096;

    private readonly ReaderShard _shard;
    private readonly int _memoryOffset;
    private readonly CancellationTokenSource _cancellation = new();
    private ReadOperation? _waiters;
    private int _nextWake = int.MaxValue;
    private int _written;

    // One bit for each of at most 128 units: its last byte has been delivered. Readers go forward, so that is as good as all of it.
    private readonly int _unitShift;
    private readonly UInt128 _allUnits;
    private UInt128 _deliveredUnits;

    public Part(ReaderShard shard, FileState file, long offset, int length, PartMemory memory, int memoryOffset)
    {
        _shard = shard;
        _memoryOffset = memoryOffset;
        File = file;
        Offset = offset;
        Length = length;
        Memory = memory;
        _unitShift = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(MinUnitBytes, (length + MaxUnits - 1) / MaxUnits)));
        _allUnits = UInt128.MaxValue >> (MaxUnits - 1 - ((length - 1) >> _unitShift));
        IsGuarded = shard.Owner.Source.IsGuarded(file.Version);
    }

    public FileState File { get; }

    public long Offset { get; }

    public int Length { get; }

    public long End => Offset + Length;

    public PartMemory Memory { get; }

    /// <summary>Bytes may be read as they arrive.</summary>
    public bool IsGuarded { get; }

    public PartState State { get; set; }

    public bool IsUnderWay => State is PartState.Queued or PartState.Fetching;

    /// <summary>Bytes from the part's beginning that readers may have.</summary>
    public int Readable { get; private set; }

    /// <summary>Bytes from the part's beginning that have arrived.</summary>
    public int Arrived { get; private set; }

    /// <summary>Bytes given to readers, repeated ones counted again.</summary>
    public long Delivered { get; private set; }

    /// <summary>All of it has been given to readers.</summary>
    public bool IsConsumed => _deliveredUnits == _allUnits;

    /// <summary>Bytes a reader already waited for when the part was made; the rest is fetched ahead.</summary>
    public int Asked { get; set; }

    /// <summary>Fetch under way, pending reads and leases, which all need the memory.</summary>
    public int Pins { get; set; } = 1;

    /// <summary>Reads that wait for this part or for others together with it.</summary>
    public int Readers { get; set; }

    /// <summary>Those of them whose deadline passed while they waited for this part.</summary>
    public int ExpiredReaders { get; set; }

    /// <summary>Worth finishing without a reader.</summary>
    public bool IsAhead { get; set; }

    /// <summary>Why the fetch ended without all bytes.</summary>
    public CacheException? Failure { get; private set; }

    public PartList? List { get; set; }

    public Part? ListPrevious { get; set; }

    public Part? ListNext { get; set; }

    public long ListedSince { get; set; }

    /// <summary>Its place in the fetch queue. Guarded by the queue's lock.</summary>
    public LinkedListNode<Part>? QueueNode { get; set; }

    /// <summary>When its ranged read began.</summary>
    public long FetchStarted { get; set; }

    /// <summary>Orders the beginnings of fetches and reads of one shard, more finely than the clock.</summary>
    public long FetchSequence { get; set; }

    Memory<byte> IReadSink.NextBuffer
    {
        get
        {
            if (_written == Length)
            {
                return Memory<byte>.Empty;
            }

            // A block may be longer than what this part still wants.
            Memory<byte> rest = Memory.From(_memoryOffset + _written);
            int wanted = Length - _written;
            return rest.Length > wanted ? rest[..wanted] : rest;
        }
    }

    void IReadSink.Advance(int count)
    {
        Invariant.That(count >= 0 && count <= Length - _written, "a store delivers no more than it was asked for");
        if (count == 0)
        {
            return;
        }

        _written += count;
        _shard.OnArrived(this, _written);
    }

    public NativeSegment Segment(long offset, int length) => Memory.Segment(_memoryOffset + (int)(offset - Offset), length);

    /// <summary>A reader gets these bytes, which lie in the part.</summary>
    public void DeliverUnsynchronized(long offset, long end)
    {
        Delivered += end - offset;
        int first = (int)(offset - Offset) >> _unitShift;
        int last = end == End ? (Length - 1) >> _unitShift : ((int)(end - Offset) >> _unitShift) - 1;
        if (last >= first)
        {
            _deliveredUnits |= (UInt128.MaxValue >> (MaxUnits - 1 - (last - first))) << first;
        }
    }

    /// <summary>Called by the queue, once, when the part's turn has come.</summary>
    public void Start() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    async void IThreadPoolWorkItem.Execute()
    {
        try
        {
            await FetchAsync();
        }
        catch (Exception e) // Nobody else would hear of it.
        {
            ReaderLog.HousekeepingCrashed(_shard.Owner.Logger, e);
        }
    }

    /// <summary>Tells a fetch under way to end. The store's callbacks must not run under the shard's lock.</summary>
    public void CancelFetch() => _ = _cancellation.CancelAsync();

    public void AddWaiterUnsynchronized(ReadOperation operation, int readableWanted)
    {
        operation.ReadableWanted = readableWanted;
        operation.NextWaiter = _waiters;
        _waiters = operation;
        _nextWake = Math.Min(_nextWake, readableWanted);
    }

    public void RemoveWaiterUnsynchronized(ReadOperation operation)
    {
        ReadOperation? previous = null;
        for (ReadOperation? waiter = _waiters; waiter is not null; previous = waiter, waiter = waiter.NextWaiter)
        {
            if (waiter != operation)
            {
                continue;
            }

            if (previous is null)
            {
                _waiters = waiter.NextWaiter;
            }
            else
            {
                previous.NextWaiter = waiter.NextWaiter;
            }

            waiter.NextWaiter = null;
            return;
        }
    }

    /// <summary>Notes progress.</summary>
    /// <returns>The waiters, linked, when at least one of them may have what it wants; the caller looks at each again.</returns>
    public ReadOperation? ArriveUnsynchronized(int arrived, bool isReadable)
    {
        Arrived = arrived;
        if (!isReadable)
        {
            return null;
        }

        Readable = arrived;
        return Readable >= _nextWake ? TakeWaitersUnsynchronized() : null;
    }

    public void FailUnsynchronized(CacheException failure) => Failure = failure;

    /// <summary>Makes a failed fetch ready to be queued again, from the first byte that is missing or doubtful.</summary>
    public void RestartUnsynchronized()
    {
        State = PartState.Queued;
        if (!IsGuarded)
        {
            _written = 0;
            Arrived = 0;
        }
    }

    public ReadOperation? TakeWaitersUnsynchronized()
    {
        ReadOperation? waiters = _waiters;
        _waiters = null;
        _nextWake = int.MaxValue;
        return waiters;
    }

    private async Task FetchAsync()
    {
        CancellationToken cancelled = _cancellation.Token;
        CacheException? failure = null;
        if (!_shard.TryBeginFetch(this))
        {
            failure = Cancelled(null);
        }
        else
        {
            try
            {
                await _shard.Owner.Source.ReadAsync(File.Version, Offset + _written, Length - _written, this, cancelled);
                if (_written != Length)
                {
                    failure = new CacheException(CacheError.Unreachable, $"{File.Version.DisplayUri} ended after {_written} of {Length} bytes from offset {Offset}; if it was replaced, run mlp dataset sync.");
                }
            }
            catch (OperationCanceledException e) when (cancelled.IsCancellationRequested)
            {
                failure = Cancelled(e.InnerException);
            }
            catch (CacheException e)
            {
                failure = e;
            }
            catch (Exception e) // Readers must not wait for ever, even when a store has a bug.
            {
                // Its text may hold anything, a secret included, so it goes to nobody but the log.
                ReaderLog.SourceCrashed(_shard.Owner.Logger, File.Version.DisplayUri, e);
                failure = new CacheException(CacheError.Unreachable, $"Reading {File.Version.DisplayUri} broke with {e.GetType().Name}; the log of the mount says more.", e);
            }
        }

        _shard.OnFetchEnded(this, failure);
        File.Queue.OnFetchEnded(this, failure);
    }

    /// <summary>What readers get whose deadline ended this fetch: they add their own sentence to the cause.</summary>
    public static CacheException Cancelled(Exception? cause) => new(CacheError.Interrupted, "The fetch was cancelled.", cause);
}
