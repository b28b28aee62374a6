using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Tiers.Eviction;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.LargeFiles;
using MLPlatform.Tiers.Segments;

namespace MLPlatform.Tiers.Devices;

/// <summary>
/// One cache directory: its lock, its index, its two stores, how full it may be and how it feels. A fault of its disk changes its health and is told once; it
/// ends nothing else. Any thread may call it.
/// </summary>
internal sealed class CacheDevice(int number, CacheDeviceOptions options, IDeviceFiles files, ILoggerFactory loggers, TimeProvider time) : IAsyncDisposable
{
    // Half of what is free at the first start, at most 100 GiB: a cache that fills a laptop's disk is a bug to its owner.
    private const long DefaultCapacityBytes = 100L << 30;

    // A cache is cleaned and filled by whole segments: a hundredth of it at a time is fine enough. The smallest hold two files of the greatest length.
    private const int SegmentsAtLeast = 100;
    private const int SmallestSegmentBytes = (2 << 20) + (64 << 10);

    // A device that failed is asked again after this time.
    private static readonly TimeSpan s_probeAfter = TimeSpan.FromSeconds(30);

    // Of the sum behind FreeBytes; what is written within it is bounded by MayGrow and TryReserve, which ask anew.
    private static readonly TimeSpan s_freeIsFresh = TimeSpan.FromMilliseconds(50);

    private readonly ILogger _logger = loggers.CreateLogger("mlp.cache");
    private readonly Lock _lock = new();
    private DeviceLock? _ownership;
    private FasterBlockIndex? _index;
    private DeviceHealth _health;
    private string _problem = "";
    private long _failedAt;
    private long _capacityBytes;
    private long _minFreeBytes;
    private long _freeBytes;
    private long _freeAt;
    private long _spaceLimitBytes = long.MaxValue;
    private long _pendingBytes;

    public int Number => number;

    public CacheDeviceOptions Options => options;

    public DeviceDirectory Directory { get; private set; } = null!;

    public SegmentStore Segments { get; private set; } = null!;

    public LargeFileStore Large { get; private set; } = null!;

    /// <summary>Who leaves this device. Each has its own: a victim elsewhere makes no room here.</summary>
    public IEvictionPolicy Policy { get; set; } = new UniformPolicy();

    public DeviceHealth Health => _health;

    /// <summary>Why it is not healthy.</summary>
    public string Problem => _problem;

    public bool IsReadable => _health != DeviceHealth.Failed;

    /// <summary>Bytes on this disk, those about to be written included.</summary>
    public long UsedBytes => Segments.DiskBytes + Large.DiskBytes + Interlocked.Read(ref _pendingBytes);

    /// <summary>Of these, bytes of entries that have not left.</summary>
    public long LiveDiskBytes => Segments.LiveDiskBytes + Large.DiskBytes;

    /// <summary>Bytes that cleaning should leave alone until there are more of them.</summary>
    public long CleaningThresholdBytes => Math.Max(SegmentBytes, LimitBytes / 50);

    /// <summary>Of a segment file; small caches have small ones.</summary>
    public int SegmentBytes { get; private set; }

    /// <summary>What <see cref="UsedBytes"/> may be: the configured capacity, or less where the file system runs out of space for others.</summary>
    public long LimitBytes => Math.Min(_capacityBytes, Interlocked.Read(ref _spaceLimitBytes));

    /// <summary>What entries may fill. One segment less than the limit, so that cleaning always has one to move into.</summary>
    public long FillableBytes => LimitBytes - SegmentBytes;

    /// <summary>What entries may still fill once everything dead has been cleaned away.</summary>
    public long FreeBytes
    {
        get
        {
            // Adding up a large cache's segments for every file would cost more than the rest of adding it.
            long at = Interlocked.Read(ref _freeAt);
            if (at == 0 || time.GetElapsedTime(at) > s_freeIsFresh)
            {
                Interlocked.Exchange(ref _freeBytes, Math.Max(0, FillableBytes - LiveDiskBytes));
                Interlocked.Exchange(ref _freeAt, time.GetTimestamp());
            }

            return Interlocked.Read(ref _freeBytes);
        }
    }

    /// <summary>A small file that needs a new segment gets one.</summary>
    public bool HasRoom => UsedBytes + SegmentBytes <= FillableBytes;

    /// <summary>Memory of the index and the policy.</summary>
    public long MemoryBytes => (_index?.MemoryBytes ?? 0) + Policy.MemoryBytes;

    /// <exception cref="CacheException"><c>Busy</c>: another process owns the directory; <c>DeviceFailed</c>: it cannot be used.</exception>
    public void Lock()
    {
        files.CreateDirectory(options.Directory);
        _ownership = DeviceLock.TryTake(options.Directory)
            ?? throw new CacheException(CacheError.Busy, $"The cache directory {options.Directory} is in use by another process, a mount or a preload; wait for its end, or name another with --cache-dir.");
    }

    public void Unlock() => _ownership?.Dispose();

    /// <summary>Recovers what the directory holds; the lock is held.</summary>
    /// <param name="devices">How many share the configured capacity.</param>
    /// <returns>False when the device cannot be used; it has been told why.</returns>
    public async Task<bool> TryOpenAsync(CacheOptions cache, int devices)
    {
        try
        {
            Directory = DeviceDirectory.Open(options.Directory, files, out string? setAside);
            if (setAside is not null)
            {
                CacheLog.SetAside(_logger, options.Directory, setAside);
            }

            (long total, long free) = files.Space(options.Directory);
            _minFreeBytes = cache.MinFreeBytes ?? (long)(total * cache.MinFreePercent / 100);
            long? capacity = options.CapacityBytes ?? (cache.CapacityPercent is { } percent ? (long)(total * percent / 100) : cache.CapacityBytes / devices);
            SegmentBytes = (int)Math.Clamp((capacity ?? Math.Min(DefaultCapacityBytes, total / 2)) / SegmentsAtLeast, SmallestSegmentBytes, SegmentFormat.MaxSegmentBytes);
            _index = FasterBlockIndex.Open(files, Directory.Index, _logger, out byte[] coverage);
            SegmentOptions segments = new() { SegmentBytes = SegmentBytes, MayGrow = MayGrow, MayMove = MayMove, Grown = EndReservation };
            Segments = SegmentStore.Open(files, Directory.Segments, number, Directory.CacheId, _index, coverage, segments, time, _logger);
            Large = LargeFileStore.Open(files, Directory.Large, Directory.CacheId, new LargeFileOptions(), time, _logger);
            _capacityBytes = capacity ?? Math.Min(DefaultCapacityBytes, (free + UsedBytes) / 2);
            LookAtSpace();
            CacheLog.Opened(_logger, options.Directory, ByteSize.Format(UsedBytes), ByteSize.Format(LimitBytes), Segments.RecordCount, Large.Count);
            return true;
        }
        catch (Exception e) // Whatever it is, the other devices and the stores are still there.
        {
            CacheLog.NotOpened(_logger, $"{options.Directory} cannot be used: {e.Message}", e);
            await DisposeAsync();
            return false;
        }
    }

    /// <summary>Asks the file system what is free, and with that how much this device may hold and whether it can be written again.</summary>
    public void LookAtSpace()
    {
        long free = files.Space(options.Directory).Free;
        long spare = free - _minFreeBytes;
        Interlocked.Exchange(ref _spaceLimitBytes, Math.Max(0, Segments.DiskBytes + Large.DiskBytes + spare));
        if (_health == DeviceHealth.Full && spare > SegmentBytes)
        {
            SetHealth(DeviceHealth.Healthy, "there is space again");
        }
    }

    /// <summary>Sets space aside for bytes about to be written.</summary>
    public bool TryReserve(long bytes)
    {
        if (_health != DeviceHealth.Healthy)
        {
            return false;
        }

        // First taken and then looked at, so that of two who want the last of the space not both get it.
        Interlocked.Add(ref _pendingBytes, bytes);
        if (UsedBytes <= FillableBytes)
        {
            return true;
        }

        EndReservation(bytes);
        return false;
    }

    /// <summary>They are written, or will not be.</summary>
    public void EndReservation(long bytes) => Interlocked.Add(ref _pendingBytes, -bytes);

    private bool MayGrow(long bytes)
    {
        Interlocked.Add(ref _pendingBytes, bytes);
        if (UsedBytes <= FillableBytes)
        {
            return true;
        }

        EndReservation(bytes);
        return false;
    }

    private bool MayMove(long bytes)
    {
        // Where more is used than is allowed, moving is the way back.
        bool isOver = UsedBytes > LimitBytes;
        Interlocked.Add(ref _pendingBytes, bytes);
        if (isOver || UsedBytes <= _capacityBytes)
        {
            return true;
        }

        EndReservation(bytes);
        return false;
    }

    /// <summary>An operation failed: the device is not used in that way for a while. The caller goes on without it.</summary>
    public void Failed(CacheException e)
    {
        // What has left the cache, and what found too many before it, says nothing of the disk.
        if (e.Error is CacheError.DeviceFull or CacheError.DeviceFailed)
        {
            SetHealth(e.Error == CacheError.DeviceFull ? DeviceHealth.Full : DeviceHealth.Failed, e.Message);
        }
    }

    /// <summary>Writes and reads a small file, if the device failed a while ago; if that works, it is used again.</summary>
    public void ProbeIfFailed()
    {
        if (_health != DeviceHealth.Failed || time.GetElapsedTime(_failedAt) < s_probeAfter)
        {
            return;
        }

        _failedAt = time.GetTimestamp();
        try
        {
            DeviceProbe.Run(files, Path.Combine(options.Directory, "probe"));
            LookAtSpace();
            SetHealth(DeviceHealth.Healthy, "a probe of it succeeded");
        }
        catch (CacheException)
        {
            // Still failing, which has been told.
        }
    }

    public Task CheckpointAsync(CancellationToken cancellationToken) => _index!.CheckpointAsync(Segments.BeginCheckpoint(), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (Segments is not null)
        {
            await Segments.DisposeAsync();
        }

        if (Large is not null)
        {
            await Large.DisposeAsync();
        }

        _index?.Dispose();
        _ownership?.Dispose();
    }

    private void SetHealth(DeviceHealth health, string reason)
    {
        lock (_lock)
        {
            if (health == DeviceHealth.Failed)
            {
                _failedAt = time.GetTimestamp();
            }

            if (_health == health || (_health == DeviceHealth.Failed && health == DeviceHealth.Full))
            {
                return;
            }

            _health = health;
            _problem = health == DeviceHealth.Healthy ? "" : reason;
        }

        CacheLog.HealthChanged(_logger, options.Directory, health.ToString().ToLowerInvariant(), reason);
    }
}
