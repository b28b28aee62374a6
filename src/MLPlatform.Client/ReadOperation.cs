using System.Threading.Tasks.Sources;
using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>
/// One read from its beginning to the return of its lease: it pins the parts it covers, waits for them one after the other, is the
/// result of the caller's task and then the lease on the bytes. Pooled by its shard, whose lock guards its state.
/// </summary>
internal sealed class ReadOperation : ReadLease, IValueTaskSource<ReadLease>
{
    private readonly ReaderShard _shard;

    // A thread that brings bytes must not run the reader's code.
    private ManualResetValueTaskSourceCore<ReadLease> _result = new() { RunContinuationsAsynchronously = true };
    private Part[] _parts = new Part[2];
    private NativeSegment[] _segments = new NativeSegment[2];
    private int _segmentCount;
    private int _length;
    private CancellationTokenRegistration _registration;

    public ReadOperation(ReaderShard shard) => _shard = shard;

    public enum Status
    {
        Pooled,
        Pending,
        Lease,
        Failed,
    }

    public Status State { get; private set; }

    public FileState? File { get; private set; }

    public long Offset { get; private set; }

    public long End { get; private set; }

    /// <summary>See <see cref="Part.FetchSequence"/>.</summary>
    public long Sequence { get; private set; }

    public ReadOnlySpan<Part> Parts => _parts.AsSpan(0, PartCount);

    public int PartCount { get; private set; }

    /// <summary>Index of the part waited for; those before it hold what is wanted of them.</summary>
    public int Cursor { get; set; }

    /// <summary>Bytes of the part waited for that must be readable.</summary>
    public int ReadableWanted { get; set; }

    /// <summary>Bytes that were at hand at the beginning.</summary>
    public long HitBytes { get; set; }

    /// <summary>Timestamp at which the read fails.</summary>
    public long Deadline { get; set; }

    /// <summary>The part waited for when the deadline passed: for a short time the cause is awaited. Null before.</summary>
    public Part? ExpiredAt { get; set; }

    public ReadOperation? NextWaiter { get; set; }

    public OperationList? List { get; set; }

    public ReadOperation? ListPrevious { get; set; }

    public ReadOperation? ListNext { get; set; }

    public override ReadOnlySpan<NativeSegment> Segments
    {
        get
        {
            Invariant.That(State == Status.Lease, "a lease is used before it is disposed");
            return _segments.AsSpan(0, _segmentCount);
        }
    }

    public override int Length
    {
        get
        {
            Invariant.That(State == Status.Lease, "a lease is used before it is disposed");
            return _length;
        }
    }

    public ValueTask<ReadLease> Task => new(this, _result.Version);

    public void Begin(FileState file, long offset, long end, long sequence)
    {
        Invariant.That(State == Status.Pooled);
        File = file;
        Offset = offset;
        End = end;
        Sequence = sequence;
        State = Status.Pending;
    }

    public void AddPart(Part part)
    {
        if (PartCount == _parts.Length)
        {
            Array.Resize(ref _parts, PartCount * 2);
        }

        _parts[PartCount++] = part;
    }

    /// <summary>Called by the thread that made the operation, before its task is handed out.</summary>
    public void CancelWith(CancellationToken cancellationToken) =>
        _registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                ReadOperation self = (ReadOperation)state!;
                self._shard.Cancel(self, token);
            },
            this);

    /// <summary>All bytes are readable: describes them. The caller has set the counters.</summary>
    public void BecomeLeaseUnsynchronized()
    {
        long position = Offset;
        foreach (Part part in Parts)
        {
            long stop = Math.Min(End, part.End);
            while (position < stop)
            {
                if (_segmentCount == _segments.Length)
                {
                    Array.Resize(ref _segments, _segmentCount * 2);
                }

                NativeSegment segment = part.Segment(position, (int)(stop - position));
                _segments[_segmentCount++] = segment;
                position += segment.Length;
            }
        }

        Invariant.That(position == End);
        _length = (int)(End - Offset);
        State = Status.Lease;
    }

    public void Succeed() => _result.SetResult(this);

    public void FailUnsynchronized(Exception failure)
    {
        State = Status.Failed;
        _result.SetException(failure);
    }

    /// <summary>Makes it fit for the pool. Its parts have been unpinned.</summary>
    public void Reset()
    {
        Array.Clear(_parts, 0, PartCount);
        PartCount = 0;
        _segmentCount = 0;
        _length = 0;
        Cursor = 0;
        HitBytes = 0;
        ExpiredAt = null;
        File = null;
        State = Status.Pooled;
        _result.Reset();
    }

    public override void Dispose()
    {
        Invariant.That(State == Status.Lease, "a lease is disposed once");
        _shard.Release(this);
    }

    ReadLease IValueTaskSource<ReadLease>.GetResult(short token)
    {
        // Waits for a callback that runs just now; none can come after it.
        _registration.Dispose();
        _registration = default;
        try
        {
            return _result.GetResult(token);
        }
        finally
        {
            if (State == Status.Failed)
            {
                _shard.Recycle(this);
            }
        }
    }

    ValueTaskSourceStatus IValueTaskSource<ReadLease>.GetStatus(short token) => _result.GetStatus(token);

    void IValueTaskSource<ReadLease>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _result.OnCompleted(continuation, state, token, flags);
}
