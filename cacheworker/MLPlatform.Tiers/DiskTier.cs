using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Eviction;
using MLPlatform.Tiers.LargeFiles;
using MLPlatform.Tiers.Segments;

namespace MLPlatform.Tiers;

/// <summary>
/// The disk tier of one process: several devices as one. It decides which device takes what, who is let in and who leaves, and goes on without a
/// device that fails or is full. Any thread may call it; reads with <c>mayWait: false</c> never wait. Other parts: <c>.Reading</c>, <c>.Writing</c>,
/// <c>.Upkeep</c>, <c>.Scrub</c>. It knows nothing of stores, readers or the kernel.
/// </summary>
public sealed partial class DiskTier : IAsyncDisposable
{
    // Deep enough for NVMe at queue depth 16; more threads only wait for each other on two cores.
    private const int DiskThreads = 16;

    private readonly CacheOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly IDeviceFiles _files;
    private readonly MemoryBudget _budget;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _disposed = new();
    private CacheDevice[] _devices = [];
    private DatasetTable? _datasets;
    private Task _upkeep = Task.CompletedTask;
    private long _chargedBytes;
    private int _isDisposing;

    internal DiskTier(CacheOptions options, MemoryBudget budget, IDeviceFiles files, ILoggerFactory loggers, TimeProvider time)
    {
        _options = options;
        _budget = budget;
        _files = files;
        _loggers = loggers;
        _logger = loggers.CreateLogger("mlp.cache");
        _time = time;
        Threads = new IoThreads("mlp-disk", DiskThreads);
    }

    /// <summary>Ends when the tier is ready, or will not be.</summary>
    public Task Opened => _opened.Task;

    /// <summary>At least one device can be used.</summary>
    public bool IsOpen => Volatile.Read(ref _devices).Length > 0 && !_disposed.IsCancellationRequested;

    /// <summary>Threads that may wait for the disks.</summary>
    public IoThreads Threads { get; }

    /// <summary>Begins to open the cache directories in the background: recovering a large index must not hold up a mount. Reads that come before it has ended wait for <see cref="Opened"/>.</summary>
    public static DiskTier Open(CacheOptions options, MemoryBudget budget, ILoggerFactory loggers, TimeProvider time) => Open(options, budget, new DeviceFiles(), loggers, time);

    internal static DiskTier Open(CacheOptions options, MemoryBudget budget, IDeviceFiles files, ILoggerFactory loggers, TimeProvider time)
    {
        DiskTier tier = new(options, budget, files, loggers, time);
        CacheDevice[] devices = new CacheDevice[options.Devices.Count];

        // Here and not in the background: that another process owns the directory must be known at once.
        for (int i = 0; i < devices.Length; i++)
        {
            devices[i] = new CacheDevice(i, options.Devices[i], files, loggers, time);
            try
            {
                devices[i].Lock();
            }
            catch
            {
                foreach (CacheDevice locked in devices[..i])
                {
                    locked.Unlock();
                }

                throw;
            }
        }

        _ = Task.Run(() => tier.OpenDevicesAsync(devices));
        return tier;
    }

    /// <summary>What datasets have here, by tag.</summary>
    internal IEnumerable<DatasetUsage> Datasets => _datasets?.All ?? [];

    internal void ForEachDevice(Action<CacheDevice> visit) => Array.ForEach(_devices, visit);

    /// <summary>What was done since start and is held now.</summary>
    public DiskTierCounters Counters
    {
        get
        {
            Dictionary<string, long> cached = [];
            List<string> problems = [];
            DiskTierCounters counters = new()
            {
                CachedBytes = cached,
                Problems = problems,
                WrittenBytes = Interlocked.Read(ref _writtenBytes),
                RejectedBytes = Interlocked.Read(ref _rejectedBytes),
                EvictedBytes = Interlocked.Read(ref _evictedBytes),
            };
            foreach (CacheDevice device in _devices)
            {
                string tier = device.Options.Tier;
                cached[tier] = cached.GetValueOrDefault(tier) + device.Segments.PayloadBytes + device.Large.PresentBytes;
                counters = counters with
                {
                    CachedFiles = counters.CachedFiles + device.Segments.RecordCount + device.Large.Count,
                    DiskBytes = counters.DiskBytes + device.Segments.DiskBytes + device.Large.DiskBytes,
                    LimitBytes = counters.LimitBytes + device.LimitBytes,
                    ChecksumFailures = counters.ChecksumFailures + device.Segments.ChecksumFailures + device.Large.ChecksumFailures,
                };
                if (device.Health != DeviceHealth.Healthy)
                {
                    problems.Add($"{device.Options.Directory} is {device.Health.ToString().ToLowerInvariant()}: {device.Problem}");
                }
            }

            return counters;
        }
    }

    /// <summary>A mount or preload of a dataset begins. Its bytes stay before those of datasets that nobody uses.</summary>
    /// <returns>The tag of its records.</returns>
    public uint Use(string dataset, long? quotaBytes)
    {
        lock (_uses)
        {
            if (_datasets is null)
            {
                _uses.Add((dataset, quotaBytes));
                return DatasetTable.TagOf(dataset);
            }
        }

        return _datasets.Use(dataset, quotaBytes);
    }

    /// <summary>It ends.</summary>
    public void Leave(uint dataset)
    {
        lock (_uses)
        {
            if (_datasets is null)
            {
                int use = _uses.FindIndex(u => DatasetTable.TagOf(u.Dataset) == dataset);
                if (use >= 0)
                {
                    _uses.RemoveAt(use);
                }

                return;
            }
        }

        _datasets.Leave(dataset);
    }

    /// <summary>Ends upkeep, lets no write begin, waits for those under way, and closes the devices. Reads that come later are misses.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposing, 1) != 0)
        {
            return;
        }

        await _disposed.CancelAsync();
        await _opened.Task;
        await _upkeep;
        foreach (CacheDevice device in _devices)
        {
            await CheckpointAsync(device, CancellationToken.None);
            await device.DisposeAsync();
        }

        _datasets?.Save();
        Threads.Dispose();
        if (_chargedBytes > 0)
        {
            _budget.Return(_chargedBytes);
        }
    }

    // Who came before the table was there.
    private readonly List<(string Dataset, long? Quota)> _uses = [];

    private async Task OpenDevicesAsync(CacheDevice[] devices)
    {
        try
        {
            List<CacheDevice> open = [];
            foreach (CacheDevice device in devices)
            {
                if (await device.TryOpenAsync(_options, devices.Length))
                {
                    open.Add(device);
                }
            }

            if (open.Count == 0)
            {
                return;
            }

            DatasetTable datasets = new(Path.Combine(open[0].Directory.Path, "datasets"), _time);
            foreach (CacheDevice device in open)
            {
                CountDatasets(device, datasets);
                device.Policy = MakePolicy(device);
                Follow(device, datasets);
            }

            lock (_uses)
            {
                _datasets = datasets;
                foreach ((string dataset, long? quota) in _uses)
                {
                    datasets.Use(dataset, quota);
                }
            }

            Volatile.Write(ref _devices, [.. open]);
            _upkeep = Task.WhenAll(Task.Run(UpkeepAsync), Task.Run(VerifyAsync), Task.Run(ScrubAsync));
        }
        catch (Exception e) // A cache that cannot be opened must not end the mount; the store is still there.
        {
            CacheLog.NotOpened(_logger, e.Message, e);
        }
        finally
        {
            _opened.TrySetResult();
        }
    }

    private static void CountDatasets(CacheDevice device, DatasetTable datasets)
    {
        device.Segments.ForEach((_, location) =>
        {
            datasets[location.Dataset].Add(location.Length);
            return true;
        });
        device.Large.ForEach(file =>
        {
            datasets[file.Dataset].Add(file.PresentBytes);
            return true;
        });
    }

    /// <summary>What leaves without upkeep's doing leaves the counts and the policy too.</summary>
    private static void Follow(CacheDevice device, DatasetTable datasets)
    {
        device.Segments.Dropped += (key, location, reason) =>
        {
            datasets[location.Dataset].Add(-location.Length);
            if (reason == RecordDropReason.Corrupt)
            {
                device.Policy.OnRemoved(new CacheEntryId(key, 0));
            }
        };
        device.Large.PayloadChanged += (file, bytes) => datasets[file.Dataset].Add(bytes);
        device.Large.Removed += file =>
        {
            for (int block = 0; block < LargeFile.BlocksOf(file.Size); block++)
            {
                device.Policy.OnRemoved(new CacheEntryId(file.Key, block));
            }
        };
    }

    private IEvictionPolicy MakePolicy(CacheDevice device)
    {
        if (_options.Eviction == EvictionKind.Uniform)
        {
            return new UniformPolicy();
        }

        // Nobody knows when entries of an earlier run were read; the order in which they came is the best guess.
        List<(uint Created, CacheEntryId Entry, long Bytes, bool IsPinned)> found = [];
        device.Segments.ForEach((key, location) =>
        {
            found.Add((location.Created, new CacheEntryId(key, 0), location.Length, IsPinned(location)));
            return true;
        });
        device.Large.ForEach(file =>
        {
            for (int block = 0; block < LargeFile.BlocksOf(file.Size); block++)
            {
                found.Add((file.Info.Created, new CacheEntryId(file.Key, block), LargeFile.BlockBytes, file.Info.IsPinned));
            }

            return true;
        });
        found.Sort(static (a, b) => a.Created.CompareTo(b.Created));
        LruPolicy policy = new();
        foreach ((_, CacheEntryId entry, long bytes, bool isPinned) in found)
        {
            policy.OnAdmitted(entry, bytes, isPinned);
        }

        return policy;
    }
}
