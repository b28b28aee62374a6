using MLPlatform.Lab;

namespace MLPlatform.Bench.Soak;

/// <summary>How long and how hard a soak is.</summary>
internal sealed record SoakPlan
{
    public TimeSpan Duration { get; init; }

    public int Threads { get; init; } = 16;

    public int Seed { get; init; }

    /// <summary>Small and large files in one bucket.</summary>
    public required TreeSpec Data { get; init; }

    /// <summary>Half the data.</summary>
    public long CacheBytes => Data.Enumerate().Sum(file => file.Length) / 2;

    public long MemoryBytes { get; init; } = 256L << 20;

    /// <summary>SIGKILLs of the server, spread evenly.</summary>
    public int Kills { get; init; } = 2;

    /// <summary>From one fault of the store to the next.</summary>
    public TimeSpan FaultPeriod { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>From one damage to the cache to the next.</summary>
    public TimeSpan DamagePeriod { get; init; } = TimeSpan.FromSeconds(1);

    public static SoakPlan From(BenchOptions options)
    {
        TimeSpan duration = options.IsQuick ? TimeSpan.FromSeconds(40) : TimeSpan.FromMinutes(double.Parse(options.Text("minutes", "30"), System.Globalization.CultureInfo.InvariantCulture));
        bool isShort = duration < TimeSpan.FromMinutes(5);
        return new SoakPlan
        {
            Duration = duration,
            Threads = options.Number("threads", 16),
            Seed = options.Number("seed", Environment.TickCount & 0xFFFF),
            Data = new TreeSpec
            {
                Files = isShort ? 2000 : 10_000,
                Classes = 20,
                MedianBytes = 90 << 10,
                Sigma = 0.8,
                MaxBytes = 1 << 20,
                Shards = isShort ? 16 : 64,
                ShardBytes = (isShort ? 14L << 20 : 32L << 20) + 12_345,
            },
        };
    }
}
