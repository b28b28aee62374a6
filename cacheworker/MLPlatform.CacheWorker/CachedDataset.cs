using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tiers;
using MLPlatform.UnderStore;

namespace MLPlatform.CacheWorker;

/// <summary>
/// One dataset behind the tiers: what is here is served from here (<c>.Local.cs</c>), what is not is fetched from its under-store once, passed on as it
/// comes and kept (<c>.Fill.cs</c>). Any thread may call it. It knows neither the kernel nor how a tier lays bytes out.
/// </summary>
public sealed partial class CachedDataset : IRangeSource, ILocalFiles, IDisposable
{
    private readonly DiskTier _tier;
    private readonly RangeFlights _flights;
    private readonly BlockPool _pool;
    private readonly ScratchBlocks _scratch;
    private readonly ConcurrentDictionary<IUnderStore, StoreScope> _scopes = new(ReferenceEqualityComparer.Instance);
    private readonly uint _dataset;
    private long _localBytes;
    private long _readerBytes;

    /// <param name="name">Of the dataset, for quotas and for who leaves first when the disk is full.</param>
    /// <param name="quotaBytes">Most payload bytes of it; null: no limit of its own.</param>
    public CachedDataset(DiskTier tier, string name, long? quotaBytes, BlockPool pool)
    {
        _tier = tier;
        _flights = FlightsOf(tier);
        _pool = pool;
        _scratch = new ScratchBlocks(pool, ScratchBytes, MaxScratchBlocks);
        _dataset = tier.Use(name, quotaBytes);
    }

    public LocalCounters Counters
    {
        get
        {
            DiskTierCounters tier = _tier.Counters;
            return new LocalCounters
            {
                HitBytes = new Dictionary<string, long> { ["disk"] = Interlocked.Read(ref _localBytes) + Interlocked.Read(ref _readerBytes) },
                ReaderHitBytes = Interlocked.Read(ref _readerBytes),
                CachedBytes = tier.CachedBytes,
                CachedFiles = tier.CachedFiles,
                DiskBytes = tier.DiskBytes,
                LimitBytes = tier.LimitBytes,
                WrittenBytes = tier.WrittenBytes,
                EvictedBytes = tier.EvictedBytes,
                RejectedBytes = tier.RejectedBytes,
                ChecksumFailures = tier.ChecksumFailures,
            };
        }
    }

    public string Describe(FileVersion file)
    {
        if (!IsCached(file))
        {
            return "nothing";
        }

        FileKey key = KeyOf(file);
        if (IsSmall(file))
        {
            return _tier.TryFindSmall(key, out _) ? $"{file.Object.Size} of {file.Object.Size} bytes on disk" : "nothing";
        }

        return _tier.FindLarge(key) is not { } large ? "nothing" : $"{large.PresentBytes} of {file.Object.Size} bytes on disk";
    }

    public bool IsGuarded(FileVersion file) => file.Store.ReadsAreGuarded;

    public int SuggestedParallelism(FileVersion file) => file.Store.SuggestedParallelism;

    /// <summary>What the bytes of a file version are called in the tiers.</summary>
    public FileKey KeyOf(FileVersion file)
    {
        StoreScope scope = _scopes.GetOrAdd(file.Store, static store => StoreScope.Of(store));
        return FileKey.Of(scope.Hash, scope.Uri, file.Object.Path, file.Object.Identity, file.Object.Size, file.Object.Offset);
    }

    public void Dispose()
    {
        _tier.Leave(_dataset);
        _scratch.Dispose();
    }

    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<DiskTier, RangeFlights> s_flights = new();

    // All datasets over one tier fetch each byte once between them.
    private static RangeFlights FlightsOf(DiskTier tier) => s_flights.GetValue(tier, static _ => new RangeFlights());

    /// <summary>A file without an identity could be any version, and a local disk needs no second copy on a local disk.</summary>
    private bool IsCached(FileVersion file) => file.Object.Size > 0 && file.Object.Identity.Kind is not (IdentityKind.None or IdentityKind.FileStat) && _tier.IsOpen;

    private static bool IsSmall(FileVersion file) => file.Object.Size <= CacheUnits.SmallFileBytes;

    private sealed record StoreScope(ulong Hash, byte[] Uri)
    {
        public static StoreScope Of(IUnderStore store) =>
            new(BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(store.Scope))), Encoding.UTF8.GetBytes(store.Uri));
    }
}
