using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Catalogues;

/// <summary>The process dies before every single thing that the catalogue does to the disk, and the next one finds it in order.</summary>
public sealed class CatalogueScenarios
{
    [Fact]
    public async Task Crash_AnywhereInAdd_LeavesTheDatasetWholeOrAbsent()
    {
        for (int n = 0; await CrashAsync(n, static (catalogue, _) => catalogue.AddAsync(CatalogueFixture.Define("new"), true, new DatasetBuildOptions(), default)); n++)
        {
        }
    }

    [Fact]
    public async Task Crash_AnywhereInSync_LeavesTheOldVersionOrTheNew()
    {
        for (int n = 0; await CrashAsync(n, static (catalogue, fixture) =>
        {
            fixture.Store().Put("more");
            return catalogue.SyncAsync("old", new DatasetBuildOptions(), default);
        }); n++)
        {
        }
    }

    [Fact]
    public async Task Crash_AnywhereInRemove_LeavesTheDatasetWholeOrAbsent()
    {
        for (int n = 0; await CrashAsync(n, static (catalogue, _) => catalogue.RemoveAsync("old", false, TimeSpan.Zero, default)); n++)
        {
        }
    }

    [Fact]
    public async Task Crash_AnywhereInReserving_GivesNoNumberTwice()
    {
        using var fixture = new CatalogueFixture();
        string path = Path.Combine(fixture.Root, "inodes");
        ulong highest = 1;
        for (int n = 0; ; n++)
        {
            var files = new CrashingFiles(n);
            try
            {
                highest = await Task.FromResult(new InodeReservations(path, files, 0).Reserve(0, 10)) + 9;
            }
            catch (CrashingFiles.CrashException)
            {
                ulong first = new InodeReservations(path, FileOperations.Instance, 0).Reserve(0, 10);
                Assert.True(first > highest);
                highest = first + 9;
                continue;
            }

            return;
        }
    }

    [Fact]
    public void Reserving_FromManyThreadsAndOwners_GivesEachNumberOnce()
    {
        using var fixture = new CatalogueFixture();
        string path = Path.Combine(fixture.Root, "inodes");
        InodeReservations[] owners = [.. Enumerable.Range(0, 3).Select(_ => new InodeReservations(path, FileOperations.Instance, 100))];
        var taken = new System.Collections.Concurrent.ConcurrentBag<ulong>();
        Parallel.For(0, 30, i =>
        {
            for (int j = 0; j < 100; j++)
            {
                taken.Add(owners[i % 3].Take());
            }

            ulong first = owners[i % 3].Reserve(0, 5);
            for (ulong k = 0; k < 5; k++)
            {
                taken.Add(first + k);
            }
        });
        Assert.Equal(30 * 105, taken.Distinct().Count());
        Assert.True(taken.Min() >= 100);
    }

    /// <returns>False when the operation came to its end before it could crash.</returns>
    private static async Task<bool> CrashAsync(int n, Func<Catalogue, CatalogueFixture, Task> act)
    {
        using var fixture = new CatalogueFixture();
        fixture.Store().Put("a");
        DatasetVersionId before = (await fixture.AddAsync("old")).Version;
        var files = new CrashingFiles(n);
        bool crashed = false;
        try
        {
            await act(fixture.Open(files), fixture);
        }
        catch (CrashingFiles.CrashException)
        {
            crashed = true;
        }

        Catalogue after = fixture.Catalogue;
        foreach (DatasetSummary summary in after.List())
        {
            Assert.Null(summary.Problem);
            Assert.NotEmpty(after.Definition(summary.Name).Sources);
            if (after.Current(summary.Name) is { } version)
            {
                using Manifest manifest = after.OpenManifest(summary.Name, version);
                manifest.VerifyAll(default);
                Assert.True(manifest.Files > 0 && (summary.Name != "old" || version == before || manifest.Files == 2));
            }
        }

        // And whatever was wanted can be done again.
        if (after.Contains("old"))
        {
            await fixture.SyncAsync("old");
        }

        if (after.Contains("new"))
        {
            await fixture.SyncAsync("new");
        }
        else
        {
            await fixture.AddAsync("new");
        }

        Assert.Equal(2, after.Names().Count + (after.Contains("old") ? 0 : 1));
        return crashed;
    }
}
