using CsCheck;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Eviction;
using Xunit;

namespace MLPlatform.Tests.Tiers;

public sealed class LruPolicyProperties
{
    [Fact]
    public void Operations_AnyOrder_BehaveLikeAList() =>
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 60], Gen.Bool).Array[0, 300].Sample(
            steps =>
            {
                LruPolicy lru = new();
                List<CacheEntryId> order = [];
                HashSet<CacheEntryId> pinned = [];
                foreach ((int action, int number, bool flag) in steps)
                {
                    CacheEntryId entry = new(new FileKey((ulong)(number / 3), 0), number % 3);
                    switch (action)
                    {
                        case < 4:
                            lru.OnAdmitted(entry, 1, flag && action == 0);
                            order.Remove(entry);
                            pinned.Remove(entry);
                            if (flag && action == 0)
                            {
                                pinned.Add(entry);
                            }
                            else
                            {
                                order.Add(entry);
                            }

                            break;
                        case < 6:
                            lru.OnHit(entry);
                            if (order.Remove(entry))
                            {
                                order.Add(entry);
                            }

                            break;
                        case 6:
                            lru.OnRemoved(entry);
                            order.Remove(entry);
                            pinned.Remove(entry);
                            break;
                        case 7:
                            lru.SetPinned(entry, flag);
                            if (flag && order.Remove(entry))
                            {
                                pinned.Add(entry);
                            }
                            else if (!flag && pinned.Remove(entry))
                            {
                                order.Add(entry);
                            }

                            break;
                        default:
                            Assert.Equal(order.Count > 0, lru.TryPickVictim(out CacheEntryId victim));
                            if (order.Count > 0)
                            {
                                Assert.Equal(order[0], victim);
                                order.RemoveAt(0);
                            }

                            break;
                    }

                    Assert.Equal(order.Count + pinned.Count, lru.Count);
                }

                foreach (CacheEntryId expected in order)
                {
                    Assert.True(lru.TryPickVictim(out CacheEntryId victim));
                    Assert.Equal(expected, victim);
                }

                Assert.False(lru.TryPickVictim(out _));
            },
            iter: 1000);
}
