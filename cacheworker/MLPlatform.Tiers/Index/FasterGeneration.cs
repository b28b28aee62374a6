using System.Numerics;
using System.Runtime.CompilerServices;
using FASTER.core;
using MLPlatform.Core;
using Session = FASTER.core.ClientSession<MLPlatform.Tiers.FileKey, MLPlatform.Tiers.Index.RecordLocation, FASTER.core.Empty, MLPlatform.Tiers.Index.IndexOutput, FASTER.core.Empty, MLPlatform.Tiers.Index.IndexFunctions>;

namespace MLPlatform.Tiers.Index;

/// <summary>
/// One FASTER store and its sessions. The log has no device behind it and never gets near the size where FASTER would move pages out, so no
/// operation is ever pending. Locations are written over in place under FASTER's record locks; a removed record stays in the log until the next
/// generation leaves it behind. Any thread may call it; two changes of one key at a time are the caller's to prevent.
/// </summary>
internal sealed class FasterGeneration : IDisposable
{
    /// <summary>RecordInfo, key and value: 8 + 16 + 24.</summary>
    public const int RecordBytes = 48;

    private const int PageBits = 20;
    private const int BucketBytes = 64;

    // Seven entries fit a bucket of 64 bytes; above that most look-ups follow a chain into another cache line.
    private const int MostEntriesPerBucket = 7;
    private const int EntriesPerBucket = 4;
    private const int MinBuckets = 1 << 14;

    // The log may grow to this many times the entries a generation was made for; the next generation comes long before (FasterBlockIndex.Rebuild).
    private const int LogGrowth = 16;
    private const int MinLogBits = 26;

    // OverflowBucketCount is at least the page that FASTER's allocator of overflow buckets makes at its start.
    private const long OverflowPageBuckets = 1 << 16;

    private const int MaxSessions = 64;
    private const int Free = 0;
    private const int Busy = 1;
    private const int Closed = 2;

    private readonly FasterKV<FileKey, RecordLocation> _store;
    private readonly NullDevice _device = new();
    private readonly DeviceLogCommitCheckpointManager _noCheckpoints;
    private readonly Slot[] _slots;
    private readonly int _slotMask;

    // The owner and the visits under way.
    private UseCount _users = new();

    public FasterGeneration(long entries)
    {
        long buckets = Math.Max(MinBuckets, (long)BitOperations.RoundUpToPowerOf2((ulong)(entries / EntriesPerBucket)));
        MaxEntries = buckets * MostEntriesPerBucket;
        int logBits = Math.Max(MinLogBits, BitOperations.Log2(BitOperations.RoundUpToPowerOf2((ulong)(entries * RecordBytes * LogGrowth) + 1)));
        MaxLogBytes = 1L << logBits;
        _noCheckpoints = new DeviceLogCommitCheckpointManager(new NullNamedDeviceFactory(), new DefaultCheckpointNamingScheme(""), removeOutdated: false);
        _store = new FasterKV<FileKey, RecordLocation>(
            buckets,
            new LogSettings { LogDevice = _device, PageSizeBits = PageBits, MemorySizeBits = logBits, SegmentSizeBits = Math.Max(30, logBits) },
            new CheckpointSettings { CheckpointManager = _noCheckpoints },
            comparer: new FileKeyComparer(),
            concurrencyControlMode: ConcurrencyControlMode.RecordIsolation);

        int slots = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(4 * Environment.ProcessorCount, 8, MaxSessions));
        _slotMask = slots - 1;
        _slots = new Slot[slots];
        for (int i = 0; i < slots; i++)
        {
            _slots[i] = new Slot();
        }
    }

    /// <summary>Above this number of entries its hash table is too small.</summary>
    public long MaxEntries { get; }

    /// <summary>Where FASTER would begin to move pages out, and lose them.</summary>
    public long MaxLogBytes { get; }

    /// <summary>Bytes of records, removed ones included.</summary>
    public long LogBytes => _store.Log.TailAddress - _store.Log.BeginAddress;

    /// <summary>Log pages, hash table and overflow buckets.</summary>
    public long MemoryBytes => _store.Log.MemorySizeBytes + (BucketBytes * (_store.IndexSize + Math.Max(OverflowPageBuckets, _store.OverflowBucketCount)));

    /// <summary>Sessions made so far; never more than slots.</summary>
    public int Sessions => _slots.Count(slot => slot.Session is not null);

    /// <returns>False when this generation is closed and nothing was done: its successor is to be asked.</returns>
    public bool TryRead(FileKey key, out IndexOutput output)
    {
        output = default;
        if (!TryEnter(out Slot? slot))
        {
            return false;
        }

        Empty none = default;
        Status status = slot.Session!.Read(ref key, ref none, ref output);
        Leave(slot);
        Invariant.That(!status.IsPending);
        return true;
    }

    /// <inheritdoc cref="TryRead"/>
    /// <param name="output">What was there before.</param>
    public bool TryWrite(FileKey key, RecordLocation location, out IndexOutput output)
    {
        output = default;
        if (!TryEnter(out Slot? slot))
        {
            return false;
        }

        try
        {
            Empty none = default;
            Status status = slot.Session!.Upsert(ref key, ref none, ref location, ref output);
            Invariant.That(!status.IsPending);
        }
        finally
        {
            // An allocation of a page can fail.
            Leave(slot);
        }

        return true;
    }

    /// <inheritdoc cref="TryRead"/>
    public bool TryDelete(FileKey key)
    {
        if (!TryEnter(out Slot? slot))
        {
            return false;
        }

        Status status = slot.Session!.Delete(ref key);
        Leave(slot);
        Invariant.That(!status.IsPending);
        return true;
    }

    /// <summary>Keeps the store from going away until <see cref="Release"/>.</summary>
    /// <returns>False when it has gone.</returns>
    public bool TryHold() => _users.TryEnter();

    public void Release()
    {
        if (_users.Leave())
        {
            _store.Dispose();
            _noCheckpoints.Dispose();
            _device.Dispose();
        }
    }

    /// <summary>Visits the records that are in the log now and have not been removed. The caller holds the generation; it may be closed.</summary>
    public void Visit(Func<FileKey, RecordLocation, bool> visit)
    {
        using IFasterScanIterator<FileKey, RecordLocation> records = _store.Log.Scan(_store.Log.BeginAddress, _store.Log.TailAddress, ScanBufferingMode.NoBuffering);
        while (records.GetNext(out RecordInfo record))
        {
            if (!record.Tombstone && !visit(records.GetKey(), records.GetValue()))
            {
                return;
            }
        }
    }

    /// <summary>Waits for the operations under way, each a fraction of a microsecond long, and lets no other begin; visits go on.</summary>
    public void Dispose()
    {
        foreach (Slot slot in _slots)
        {
            SpinWait spin = default;
            while (Interlocked.CompareExchange(ref slot.State, Closed, Free) != Free)
            {
                spin.SpinOnce();
            }

            slot.Session?.Dispose();
            slot.Session = null;
        }

        Release();
    }

    // Sessions belong to slots, not to threads: threads come and go, and a session serves one operation at a time.
    private bool TryEnter([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Slot? entered)
    {
        int first = Environment.CurrentManagedThreadId;
        SpinWait spin = default;
        while (true)
        {
            for (int i = 0; i <= _slotMask; i++)
            {
                Slot slot = _slots[(first + i) & _slotMask];
                int state = Interlocked.CompareExchange(ref slot.State, Busy, Free);
                if (state == Free)
                {
                    slot.Session ??= NewSession(slot);
                    entered = slot;
                    return true;
                }

                if (state == Closed)
                {
                    entered = null;
                    return false;
                }
            }

            spin.SpinOnce();
        }
    }

    private static void Leave(Slot slot) => Volatile.Write(ref slot.State, Free);

    private Session NewSession(Slot slot)
    {
        try
        {
            return _store.For(new IndexFunctions()).NewSession<IndexFunctions>();
        }
        catch
        {
            Leave(slot);
            throw;
        }
    }

    /// <summary>One session and who uses it, on cache lines of its own.</summary>
    private sealed class Slot
    {
        public int State;
        public Session? Session;
        private Padding _padding;

        public Slot() => _padding[0] = 0;
    }

    [InlineArray(15)]
    private struct Padding
    {
        private long _first;
    }
}
