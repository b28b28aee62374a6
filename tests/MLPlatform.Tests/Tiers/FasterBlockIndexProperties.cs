using CsCheck;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Index;
using Xunit;

namespace MLPlatform.Tests.Tiers;

public sealed class FasterBlockIndexProperties
{
    private static readonly Gen<(int Action, int Key, int Value)> s_step = Gen.Select(Gen.Int[0, 20], Gen.Int[0, 40], Gen.Int[0, 1000]);

    [Fact]
    public void Operations_CheckpointsAndReopenings_BehaveLikeADictionary() =>
        s_step.Array[0, 150].Sample(
            steps =>
            {
                using IndexFolder folder = new();
                FasterBlockIndex index = folder.Open();
                Dictionary<FileKey, RecordLocation> model = [];
                Dictionary<FileKey, RecordLocation> saved = [];
                int checkpoints = 0;
                foreach ((int action, int k, int value) in steps)
                {
                    FileKey key = IndexFolder.Key(k);
                    RecordLocation location = IndexFolder.Location(value);
                    bool known = model.TryGetValue(key, out RecordLocation old);

                    // Half of the conditional changes name the right place.
                    ulong place = value % 2 == 0 ? old.Place : location.Place;
                    bool fits = known && old.Place == place;
                    switch (action)
                    {
                        case < 8:
                            Assert.Equal(known, index.Set(key, location, out RecordLocation previous));
                            Assert.Equal(old, previous);
                            model[key] = location;
                            break;
                        case < 12:
                            Assert.Equal(fits, index.TryRemove(key, place));
                            _ = fits && model.Remove(key);
                            break;
                        case < 16:
                            Assert.Equal(fits, index.TryReplace(key, place, location));
                            if (fits)
                            {
                                model[key] = location;
                            }

                            break;
                        case < 18:
                            Assert.Equal(known, index.TryGet(key, out RecordLocation found));
                            Assert.Equal(old, found);
                            break;
                        case 18:
                            index.CheckpointAsync(BitConverter.GetBytes(++checkpoints), CancellationToken.None).GetAwaiter().GetResult();
                            saved = new(model);
                            break;
                        case 19:
                            index.Dispose();
                            index = folder.Open(out byte[] coverage);
                            Assert.Equal(checkpoints, coverage.Length == 0 ? 0 : BitConverter.ToInt32(coverage));
                            model = new(saved);
                            break;
                        default:
                            Assert.Equal(model, IndexFolder.Content(index));
                            break;
                    }

                    Assert.Equal(model.Count, index.Count);
                }

                Assert.Equal(model, IndexFolder.Content(index));
                index.Dispose();
            },
            iter: 200);

    /// <summary>Each thread owns keys that only it changes, so it knows at each moment what the index must say; all of it while generations are replaced.</summary>
    [Fact]
    public async Task Threads_ChangingWhileTheIndexIsRebuiltAndSaved_SeeWhatTheyWrote()
    {
        const int Threads = 4;
        const int Keys = 5_000;
        const int Steps = 300_000;
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        using CancellationTokenSource done = new(TimeSpan.FromMinutes(5));
        Dictionary<int, int>[] models = [.. Enumerable.Range(0, Threads).Select(_ => new Dictionary<int, int>())];
        Task[] writers = [.. Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(
            () => Work(thread), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task writing = Task.WhenAll(writers);
        int checkpoints = 0;
        while (!writing.IsCompleted)
        {
            await index.CheckpointAsync(new byte[] { 1 }, done.Token);
            checkpoints++;
        }

        await writing;
        await index.Rebuilding;
        Assert.True(index.Rebuilds > 1, $"{index.Rebuilds} rebuilds");
        Assert.True(checkpoints > 0);
        Dictionary<FileKey, RecordLocation> expected = [];
        foreach ((int key, int value) in models.SelectMany(model => model))
        {
            expected.Add(IndexFolder.Key(key), IndexFolder.Location(value));
        }

        Assert.Equal(expected.Count, index.Count);
        Assert.Equal(expected, IndexFolder.Content(index));
        await index.CheckpointAsync(new byte[] { 2 }, CancellationToken.None);
        using FasterBlockIndex again = folder.Open(out byte[] coverage);
        Assert.Equal(2, coverage[0]);
        Assert.Equal(expected, IndexFolder.Content(again));

        void Work(int thread)
        {
            Random random = new(thread);
            Dictionary<int, int> model = models[thread];
            for (int i = 0; i < Steps; i++)
            {
                int k = (random.Next(Keys) * Threads) + thread;
                FileKey key = IndexFolder.Key(k);
                bool known = model.TryGetValue(k, out int value);
                bool found = index.TryGet(key, out RecordLocation location);
                Assert.Equal(known, found);
                Assert.Equal(known ? IndexFolder.Location(value) : default, location);
                if (known && random.Next(2) == 0)
                {
                    Assert.True(index.TryRemove(key, location.Place));
                    model.Remove(k);
                }
                else
                {
                    Assert.Equal(known, index.Set(key, IndexFolder.Location(i), out _));
                    model[k] = i;
                }

                // Another thread's key: any value is right, but it must be whole.
                if (index.TryGet(IndexFolder.Key(random.Next(Keys * Threads)), out RecordLocation other))
                {
                    Assert.Equal(IndexFolder.Location((int)other.Place - 1), other);
                }
            }
        }
    }

    [Fact]
    public async Task Checkpoint_DuringChanges_HoldsWhatWasThereBefore()
    {
        const int Settled = 100_000;
        using IndexFolder folder = new();
        using FasterBlockIndex index = folder.Open();
        for (int i = 0; i < Settled; i++)
        {
            index.Set(IndexFolder.Key(i), IndexFolder.Location(i), out _);
        }

        using CancellationTokenSource stop = new();
        Task writer = Task.Run(() =>
        {
            // Comes and goes, and settled entries get a new place.
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                int fresh = Settled + (i % 50_000);
                index.Set(IndexFolder.Key(fresh), IndexFolder.Location(fresh), out _);
                index.TryRemove(IndexFolder.Key(fresh), IndexFolder.Location(fresh).Place);
                index.Set(IndexFolder.Key(i % 1000), IndexFolder.Location(i % 1000) with { Flags = 2 }, out _);
            }
        });
        long rebuilds = index.Rebuilds;
        int round = 0;
        for (; round < 5 || index.Rebuilds < rebuilds + 3; round++)
        {
            Assert.True(round < 10_000, "no rebuild came");
            await index.CheckpointAsync(new byte[] { 1 }, CancellationToken.None);
            if (round % 10 != 0)
            {
                continue;
            }

            using FasterBlockIndex saved = folder.Open();
            for (int i = 0; i < Settled; i++)
            {
                Assert.True(saved.TryGet(IndexFolder.Key(i), out RecordLocation location));
                Assert.Equal(IndexFolder.Location(i).Place, location.Place);
            }
        }

        await stop.CancelAsync();
        await writer;
    }
}
