using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Segments;

/// <summary>
/// The home of files up to 1 MiB on one device: records in append-only segment files, found by an index that may be shared with other devices.
/// Any thread may call it. One thread of its own writes; what waits together is written together.
/// </summary>
/// <remarks>
/// Whatever order a kill finds: bytes are written before the index hears of them, and a segment is removed after its live records have been written
/// elsewhere. What the index forgot is found by reading the segments that its last checkpoint does not cover.
/// </remarks>
internal sealed partial class SegmentStore : IAsyncDisposable
{
    /// <summary>Most runs of memory in one record.</summary>
    public const int MaxPayloadRuns = 512;

    /// <summary>Bytes of <see cref="BeginCheckpoint"/>.</summary>
    public const int CoverageBytes = 40;

    private readonly IDeviceFiles _files;
    private readonly string _directory;
    private readonly int _device;
    private readonly Guid _cacheId;
    private readonly ulong _stamp;
    private readonly IBlockIndex _index;
    private readonly SegmentOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<long, SegmentFile> _segments = new();
    private readonly CancellationTokenSource _stopping = new();

    // Pins change an entry by its place, moves change the place: each must see the other's work. Never held during disk operations.
    private readonly Lock _flagsLock = new();

    // Guards what a checkpoint covers.
    private readonly Lock _coverageLock = new();

    private long _nextNumber;
    private long _coveredSegment;
    private long _coveredEnd;
    private long _payloadBytes;
    private long _recordCount;
    private long _reads;
    private long _checksumFailures;
    private long _corruptRecords;
    private int _openDescriptors;
    private int _disposed;

    private SegmentStore(IDeviceFiles files, string directory, int device, Guid cacheId, IBlockIndex index, SegmentOptions options, TimeProvider time, ILogger logger)
    {
        Invariant.That(device is >= 0 and < RecordPlace.MaxDevices);
        Invariant.That(options.SegmentBytes >= MinSegmentBytes && options.SegmentBytes <= SegmentFormat.MaxSegmentBytes && options.QueueLength > 0 && options.MaxOpenSegments > 0);
        Invariant.That(options.MaintenanceBytes >= MinSegmentBytes);
        (_files, _directory, _device, _cacheId, _index, _options, _time, _logger) = (files, directory, device, cacheId, index, options, time, logger);
        _stamp = SegmentFormat.Stamp(cacheId);

        // Continuations on either side are the few lines of EnqueueAsync and the writer's wake-up; a hop through the pool would cost more than they do.
        _queue = Channel.CreateBounded<PendingAppend>(new BoundedChannelOptions(options.QueueLength) { SingleReader = true, AllowSynchronousContinuations = true });
    }

    /// <summary>The smallest segment holds one record of any length.</summary>
    private static int MinSegmentBytes =>
        SegmentFormat.SegmentHeaderBytes + SegmentFormat.RecordBytesOf(CacheUnits.SmallFileBytes) + SegmentFormat.Align(SegmentFormat.TableRowBytes) + SegmentFormat.TrailerBytes;

    /// <summary>Tells when a record was let go without the caller's doing. Called without locks from reading, writing or maintaining threads; must be quick.</summary>
    public event Action<FileKey, RecordLocation, RecordDropReason>? Dropped;

    /// <summary>What opening found.</summary>
    public SegmentRecovery Recovery { get; private set; }

    /// <summary>Payload bytes of the records that the index has on this device.</summary>
    public long PayloadBytes => Interlocked.Read(ref _payloadBytes);

    public long RecordCount => Interlocked.Read(ref _recordCount);

    public int SegmentCount => _segments.Count;

    /// <summary>Bytes that the segment files take on the device. The open one counts in full from its beginning.</summary>
    public long DiskBytes
    {
        get
        {
            long bytes = 0;
            foreach (KeyValuePair<long, SegmentFile> segment in _segments)
            {
                bytes += segment.Value.DiskBytes;
            }

            return bytes;
        }
    }

    /// <summary>Of <see cref="DiskBytes"/>, those of records that the index has.</summary>
    public long LiveDiskBytes
    {
        get
        {
            long bytes = 0;
            foreach (KeyValuePair<long, SegmentFile> segment in _segments)
            {
                bytes += segment.Value.LiveBytes;
            }

            return bytes;
        }
    }

    /// <summary>Bytes that cleaning every closed segment would give back.</summary>
    public long FreeableBytes
    {
        get
        {
            long bytes = 0;
            foreach (KeyValuePair<long, SegmentFile> segment in _segments)
            {
                bytes += segment.Value.IsClosed ? Math.Max(0, segment.Value.DiskBytes - segment.Value.LiveBytes) : 0;
            }

            return bytes;
        }
    }

    /// <summary>Records waiting for the writer.</summary>
    public int QueueDepth => _queue.Reader.Count;

    /// <summary>Reads from disk since opening, by readers, cleaning and scrub.</summary>
    public long Reads => Interlocked.Read(ref _reads);

    /// <summary>Reads that met a wrong header or checksum.</summary>
    public long ChecksumFailures => Interlocked.Read(ref _checksumFailures);

    /// <summary>Records dropped because of that; one may be met by several readers.</summary>
    public long CorruptRecords => Interlocked.Read(ref _corruptRecords);

    /// <summary>Descriptors held for segments.</summary>
    public int OpenDescriptors => Volatile.Read(ref _openDescriptors);

    /// <summary>
    /// Opens the segments in a directory, which is made if need be. The caller owns the directory alone. Brings the index up to date: entries whose
    /// segment is gone leave it, records written after the checkpoint come back. Segments without a table are read, cut behind their last good record
    /// and sealed.
    /// </summary>
    /// <param name="device">Number of the device in places, 0 … 15.</param>
    /// <param name="cacheId">Of the cache on this device. Segments of another are discarded.</param>
    /// <param name="index">Outlives the store.</param>
    /// <param name="coverage">What <see cref="BeginCheckpoint"/> gave for the checkpoint from which the index was loaded; empty if there was none.</param>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: the directory or a segment cannot be read.</exception>
    public static SegmentStore Open(
        IDeviceFiles files, string directory, int device, Guid cacheId, IBlockIndex index, ReadOnlyMemory<byte> coverage, SegmentOptions options, TimeProvider time, ILogger logger)
    {
        SegmentStore store = new(files, directory, device, cacheId, index, options, time, logger);
        try
        {
            store.Recover(coverage.Span);
        }
        catch
        {
            store.CloseDescriptors();
            store._stopping.Dispose();
            throw;
        }

        store.StartWriter();
        return store;
    }

    /// <summary>What the index holds for sure at this moment, to go with the checkpoint that begins now.</summary>
    public ReadOnlyMemory<byte> BeginCheckpoint()
    {
        byte[] coverage = new byte[CoverageBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(coverage, SegmentFormat.Version);
        BinaryPrimitives.WriteInt32LittleEndian(coverage.AsSpan(4), _device);
        BinaryPrimitives.WriteUInt64LittleEndian(coverage.AsSpan(8), _stamp);
        lock (_coverageLock)
        {
            BinaryPrimitives.WriteInt64LittleEndian(coverage.AsSpan(16), _coveredSegment);
            BinaryPrimitives.WriteInt64LittleEndian(coverage.AsSpan(24), _coveredEnd);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(coverage.AsSpan(36), Crc32C.Of(coverage.AsSpan(0, 36)));
        return coverage;
    }

    /// <summary>Where the file lies on this device.</summary>
    public bool TryFind(in FileKey key, out RecordLocation location) => _index.TryGet(key, out location) && IsHere(location.Place);

    /// <summary>Forgets a file. Its bytes stay on disk until cleaning takes them; a reader who has its place may still read them.</summary>
    /// <returns>False when it is not on this device.</returns>
    public bool Remove(in FileKey key)
    {
        // A move may come between the look and the removal.
        while (TryFind(key, out RecordLocation location))
        {
            if (RemoveAt(key, location.Place))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Forgets a file if it still lies at this place.</summary>
    public bool RemoveAt(in FileKey key, ulong place)
    {
        if (!_index.TryGet(key, out RecordLocation location) || location.Place != place || !IsHere(place) || !_index.TryRemove(key, place))
        {
            return false;
        }

        Count(location, -1);
        return true;
    }

    /// <summary>Takes out of the counts a location of this device that another device's store replaced in the shared index.</summary>
    public void NoteReplaced(in RecordLocation location)
    {
        Invariant.That(IsHere(location.Place));
        Count(location, -1);
    }

    /// <summary>Sets or clears <see cref="RecordFlags.Pinned"/>. It is in the index alone: a kill before the next checkpoint undoes it.</summary>
    /// <returns>False when the file is not on this device.</returns>
    public bool SetPinned(in FileKey key, bool pinned)
    {
        lock (_flagsLock)
        {
            while (TryFind(key, out RecordLocation location))
            {
                uint flags = pinned ? location.Flags | (uint)RecordFlags.Pinned : location.Flags & ~(uint)RecordFlags.Pinned;
                if (flags == location.Flags || _index.TryReplace(key, location.Place, location with { Flags = flags }))
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Visits the index' entries on this device; see <see cref="IBlockIndex.ForEach"/>.</summary>
    public void ForEach(Func<FileKey, RecordLocation, bool> visit) =>
        _index.ForEach((key, location) => !IsHere(location.Place) || visit(key, location));

    /// <summary>Waits until what is queued has been written, then closes everything. The open segment stays open on disk; the next opening seals it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        _queue.Writer.TryComplete();
        await _writerEnded.Task.ConfigureAwait(false);

        // Whoever cleans or scrubs has heard of the end and leaves.
        await _cleaning.WaitAsync().ConfigureAwait(false);
        await _scrubbing.WaitAsync().ConfigureAwait(false);
        CloseDescriptors();
        _cleaning.Dispose();
        _scrubbing.Dispose();
        _stopping.Dispose();
    }

    private bool IsHere(ulong place) => RecordPlace.Unpack(place).Device == _device;

    private uint Now() => (uint)Math.Clamp(_time.GetUtcNow().ToUnixTimeSeconds(), 0, uint.MaxValue);

    private string PathOf(long number) => Path.Combine(_directory, SegmentFormat.FileName(number));

    private void Count(in RecordLocation location, int sign)
    {
        if (_segments.TryGetValue(RecordPlace.Unpack(location.Place).Segment, out SegmentFile? segment))
        {
            segment.Count((int)location.Length, sign);
        }

        Interlocked.Add(ref _payloadBytes, sign * (long)location.Length);
        Interlocked.Add(ref _recordCount, sign);
    }

    /// <summary>A record whose header or payload is wrong leaves the index. Waits for nothing but memory.</summary>
    /// <param name="key">Null: its header cannot be believed, so the index is asked who lies there.</param>
    private void DropCorrupt(SegmentFile segment, ulong place, FileKey? key)
    {
        Interlocked.Increment(ref _checksumFailures);
        key ??= KeyAt(place);
        if (key is { } known && _index.TryGet(known, out RecordLocation location) && location.Place == place && _index.TryRemove(known, place))
        {
            Count(location, -1);
            Interlocked.Increment(ref _corruptRecords);
            SegmentLog.RecordCorrupt(_logger, segment.Path, RecordPlace.Unpack(place).Offset);
            Dropped?.Invoke(known, location, RecordDropReason.Corrupt);
        }
    }

    private FileKey? KeyAt(ulong place)
    {
        FileKey? found = null;
        _index.ForEach((key, location) =>
        {
            if (location.Place != place)
            {
                return true;
            }

            found = key;
            return false;
        });
        return found;
    }

    /// <summary>Takes a segment's descriptor away from it; readers who are in it go on.</summary>
    private void CloseDescriptor(SegmentFile segment)
    {
        if (Interlocked.Exchange(ref segment.Descriptor, null) is { } descriptor)
        {
            Interlocked.Decrement(ref _openDescriptors);
            descriptor.Leave();
        }
    }

    private void CloseDescriptors()
    {
        foreach (KeyValuePair<long, SegmentFile> segment in _segments)
        {
            segment.Value.IsGone = true;
            CloseDescriptor(segment.Value);
        }
    }
}
