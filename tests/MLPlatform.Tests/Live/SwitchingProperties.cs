using CsCheck;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using MLPlatform.Tests.Catalogues;
using Xunit;

namespace MLPlatform.Tests.Live;

/// <summary>The laws of inode numbers across the switch from live to pinned and from mount to mount, under random changes and questions.</summary>
public sealed class SwitchingProperties
{
    private static readonly string[] s_paths = ["a", "d/a", "d/b", "d/e/a", "b/x"];

    private enum Step
    {
        Put,
        Delete,
        Lookup,
        List,
        Wait,
        Pin,
        Remount,
    }

    private static readonly Gen<(Step Step, int Number)[]> s_steps = Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 100]).Array[5, 40];

    [Fact]
    [Promise("S2")]
    public void Numbers_LivePinnedAndMountedAgain_StandForOneVersionOfOnePath() =>
        s_steps.Sample(steps => RunAsync(steps).GetAwaiter().GetResult(), iter: 60, threads: 1);

    [Fact]
    [Promise("S2")]
    public async Task Readers_WhileATreeIsPinned_NeverSeeAMix()
    {
        for (int round = 0; round < 5; round++)
        {
            var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
            using var fixture = new CatalogueFixture(time);
            for (int i = 0; i < 60; i++)
            {
                fixture.Store().Put($"d{i % 3}/f{i}");
            }

            TaskCompletionSource listing = fixture.Store().HoldListings();
            await using MountedDataset mounted = await OpenAsync(fixture);
            var versions = new System.Collections.Concurrent.ConcurrentDictionary<ulong, string>();
            int pinned = 0;
            Task[] readers = [.. Enumerable.Range(0, 3).Select(seed => Task.Run(() => ReadAsync(new Random(seed))))];
            for (int i = 0; i < 60; i += 4)
            {
                fixture.Store().Put($"d{i % 3}/f{i}", 1000 + i);
                await Task.Yield();
            }

            listing.SetResult();
            await Task.WhenAll(readers);
            Assert.Equal(TreeMode.Pinned, mounted.Status.Mode);

            async Task ReadAsync(Random random)
            {
                var reader = new TreeReader(mounted.Tree);
                while (Volatile.Read(ref pinned) < 3 * 50)
                {
                    if (mounted.Status.Mode == TreeMode.Pinned)
                    {
                        Interlocked.Increment(ref pinned);
                    }

                    int i = random.Next(60);
                    ulong directory = (await reader.LookupAsync(1, $"d{i % 3}"))!.Value.Inode;
                    TreeEntry entry = (await reader.LookupAsync(directory, $"f{i}"))!.Value;
                    FileVersion file = mounted.Tree.GetFile(entry.Inode)!;
                    Assert.Equal(entry.Size, file.Object.Size);
                    Assert.Equal(TreeReader.Describe(file), versions.GetOrAdd(entry.Inode, TreeReader.Describe(file)));
                    List<(string Name, TreeEntry Entry)> all = await reader.ListAsync(directory, 7);
                    Assert.Equal(20, all.Select(e => e.Name).Distinct().Count());
                    Assert.Equal(20, all.Count);
                    await Task.Yield();
                }
            }
        }
    }

    private static Task<MountedDataset> OpenAsync(CatalogueFixture fixture) =>
        fixture.Opener.OpenAsync(fixture.Parse("s3://b/x"), new DatasetOpenOptions { HeadStart = TimeSpan.Zero }, default);

    private static async Task RunAsync((Step Step, int Number)[] steps)
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        using var fixture = new CatalogueFixture(time);
        MemoryStore store = fixture.Store();
        store.Put("a");
        TaskCompletionSource listing = store.HoldListings();
        MountedDataset mounted = await OpenAsync(fixture);
        var versionOf = new Dictionary<ulong, string>();
        try
        {
            foreach ((Step step, int number) in steps)
            {
                string path = s_paths[number % s_paths.Length];
                var reader = new TreeReader(mounted.Tree);
                switch (step)
                {
                    case Step.Put:
                        store.Put(path, number);
                        break;
                    case Step.Delete:
                        store.Delete(path);
                        break;
                    case Step.Lookup:
                        if (await reader.WalkAsync(path) is { } found)
                        {
                            Saw(path, found);
                        }

                        break;
                    case Step.List:
                        foreach ((string name, TreeEntry entry) in await reader.ListAsync(1, 1 + (number % 3)))
                        {
                            Saw(name, entry);
                        }

                        break;
                    case Step.Wait:
                        time.Advance(TimeSpan.FromSeconds(number % 5));
                        break;
                    case Step.Pin:
                        listing.TrySetResult();
                        await time.UntilAsync(() => mounted.Status.Mode == TreeMode.Pinned);
                        break;
                    case Step.Remount:
                        await mounted.DisposeAsync();
                        listing = store.HoldListings();
                        mounted = await OpenAsync(fixture);
                        break;
                }
            }
        }
        finally
        {
            await mounted.DisposeAsync();
        }

        void Saw(string path, TreeEntry entry)
        {
            FileVersion? file = mounted.Tree.GetFile(entry.Inode);
            string version = file is null ? $"directory {path}" : TreeReader.Describe(file);
            Assert.True(file is null || file.Object.Size == entry.Size);
            Assert.True(versionOf.TryAdd(entry.Inode, version) || versionOf[entry.Inode] == version, $"{entry.Inode} was {versionOf[entry.Inode]} and is {version}");
        }
    }
}
