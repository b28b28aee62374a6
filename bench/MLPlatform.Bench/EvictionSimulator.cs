using MLPlatform.Tiers;
using MLPlatform.Tiers.Eviction;

namespace MLPlatform.Bench;

/// <summary>Drives a policy as a tier does, over epochs of one job that each read every item once in an order of their own.</summary>
internal sealed class EvictionSimulator(IEvictionPolicy policy, int items, int capacity, Random random)
{
    private readonly bool[] _isCached = new bool[items];
    private int _cached;

    /// <summary>Items in the tier, which never holds more than its capacity.</summary>
    public int Cached => _cached;

    /// <summary>Hits per read.</summary>
    /// <param name="warmUp">Epochs before the counted ones, until the tier is full and its order settled.</param>
    public double HitRatio(int warmUp, int epochs)
    {
        int[] order = [.. Enumerable.Range(0, items)];
        long hits = 0;
        for (int epoch = 0; epoch < warmUp + epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (int item in order)
            {
                bool hit = Read(item);
                hits += hit && epoch >= warmUp ? 1 : 0;
            }
        }

        return (double)hits / ((long)items * epochs);
    }

    private static CacheEntryId Entry(int item) => new(new FileKey((ulong)item, 0), 0);

    private bool Read(int item)
    {
        CacheEntryId entry = Entry(item);
        if (_isCached[item])
        {
            policy.OnHit(entry);
            return true;
        }

        if (policy.Admits(entry, 1, capacity - _cached))
        {
            while (_cached >= capacity)
            {
                if (!policy.TryPickVictim(out CacheEntryId victim))
                {
                    return false;
                }

                _isCached[(int)victim.Key.High] = false;
                _cached--;
            }

            _isCached[item] = true;
            _cached++;
            policy.OnAdmitted(entry, 1, isPinned: false);
        }

        return false;
    }
}
