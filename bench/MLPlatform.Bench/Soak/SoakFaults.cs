using MLPlatform.Lab;

namespace MLPlatform.Bench.Soak;

/// <summary>What goes wrong around the server: the store misbehaves every few seconds, and bytes of the cache's files change.</summary>
internal sealed class SoakFaults(SoakPlan plan, SoakTally tally, FaultProxy proxy, string cacheDirectory)
{
    // The format's name decides whether a directory is read at all, and the lock has no content: damage to neither is damage to cached bytes.
    private static readonly string[] s_spared = ["format", "lock"];

    /// <summary>Until the token fires; then the store is well again.</summary>
    public async Task TroubleStoreAsync(CancellationToken stop)
    {
        Random random = new(plan.Seed);
        while (!stop.IsCancellationRequested)
        {
            await PauseAsync(plan.FaultPeriod, stop);
            TimeSpan length = TimeSpan.FromMilliseconds(random.Next(300, 2000));
            if (random.Next(6) == 0)
            {
                proxy.StopListening();
                await PauseAsync(length, stop);
                proxy.Resume();
                continue;
            }

            using InjectedFault fault = proxy.Inject(Draw(random) with { Where = request => request.Kind == RequestKind.GetObject });
            await PauseAsync(length, stop);
            tally.CountFaults(fault.Hits);
        }
    }

    /// <summary>Until the token fires.</summary>
    public async Task DamageCacheAsync(CancellationToken stop)
    {
        Random random = new(plan.Seed + 1);
        while (!stop.IsCancellationRequested)
        {
            await PauseAsync(plan.DamagePeriod, stop);
            Damage(random, 4);
        }
    }

    /// <summary>Changes bytes at random places of random files.</summary>
    public void Damage(Random random, int places)
    {
        string[] files = [.. Directory.EnumerateFiles(cacheDirectory, "*", SearchOption.AllDirectories).Where(file => !s_spared.Contains(Path.GetFileName(file)))];
        for (int i = 0; i < places && files.Length > 0; i++)
        {
            if (CacheDamage.TryDamage(files[random.Next(files.Length)], random))
            {
                tally.CountDamage();
            }
        }
    }

    private static Fault Draw(Random random) => random.Next(5) switch
    {
        0 => Fault.Cut(random.Next(200_000)) with { Probability = 0.3 },
        1 => Fault.Stall(random.Next(100_000)) with { Probability = 0.3 },
        2 => Fault.SlowDown with { Probability = 0.5 },
        3 => Fault.ServiceUnavailable with { Probability = 0.5 },
        _ => Fault.Delay(TimeSpan.FromMilliseconds(random.Next(50, 400))),
    };

    private static async Task PauseAsync(TimeSpan time, CancellationToken stop)
    {
        try
        {
            await Task.Delay(time, stop);
        }
        catch (OperationCanceledException)
        {
            return; // The callers look at the token themselves.
        }
    }
}
