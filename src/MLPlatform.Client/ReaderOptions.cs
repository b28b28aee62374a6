using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>How the reader fetches. The defaults suit an object store some milliseconds away.</summary>
public sealed record ReaderOptions
{
    /// <summary>The deadline of one read. A minute outlives a restart of most stores, and is short enough that a job notices a dead one.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Files up to this size are fetched whole at the first touch: below it a request costs more than its bytes.</summary>
    public int SmallFileBytes { get; init; } = 1 << 20;

    /// <summary>Largest ranged read. At 8 MiB the fixed cost of a request is below a tenth of its transfer time at 1 GiB/s.</summary>
    public int PartBytes { get; init; } = 8 << 20;

    /// <summary>Most bytes fetched ahead of one sequential reader: eight parts of 8 MiB, about 160 ms of a 400 MiB/s reader.</summary>
    public int MaxWindowBytes { get; init; } = 64 << 20;

    /// <summary>Random reads are rounded out to this unit, the unit of verification of the cache.</summary>
    public int RandomUnitBytes { get; init; } = 64 << 10;

    /// <summary>State of a file that nobody has read for so long is dropped. With NO_OPEN the kernel does not tell us of a close.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long bytes are kept after all of them went to readers. The kernel keeps them itself; it asks again only after an interrupted read.</summary>
    public TimeSpan ConsumedGrace { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Most files with state, about 700 bytes each beside their parts. Who reads more large files than this at once loses only readahead.</summary>
    public int MaxFiles { get; init; } = 16_384;

    /// <exception cref="CacheException"><c>Configuration</c>: names the option and what it may be.</exception>
    public void Validate()
    {
        Check(ReadTimeout >= TimeSpan.FromMilliseconds(100), "--read-timeout must be at least 100ms.");
        Check(RandomUnitBytes >= 4096 && int.IsPow2(RandomUnitBytes), "RandomUnitBytes must be a power of two of at least 4 KiB.");
        Check(PartBytes >= RandomUnitBytes && PartBytes <= BlockPool.MaxBlockBytes && int.IsPow2(PartBytes), "PartBytes must be a power of two from RandomUnitBytes to 16 MiB.");
        Check(SmallFileBytes >= 0 && SmallFileBytes <= PartBytes, "SmallFileBytes must not exceed PartBytes.");
        Check(MaxWindowBytes >= PartBytes, "MaxWindowBytes must hold at least one part.");
        Check(IdleTimeout > TimeSpan.Zero && ConsumedGrace >= TimeSpan.Zero, "IdleTimeout and ConsumedGrace must not be negative.");
        Check(MaxFiles >= 1024, "MaxFiles must be at least 1024.");
    }

    private static void Check(bool holds, string message)
    {
        if (!holds)
        {
            throw new CacheException(CacheError.Configuration, message);
        }
    }
}
