using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Lab;

public sealed class TreeSpecTests : IDisposable
{
    private static readonly TreeSpec s_spec = new() { Seed = 3, Files = 40, Classes = 4, MedianBytes = 3000, MaxBytes = 100_000, Shards = 2, ShardBytes = 2_500_000 };

    private readonly string _root = Directory.CreateTempSubdirectory("mlp-lab-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Enumerate_SameSpec_SameFiles()
    {
        TreeFile[] files = [.. s_spec.Enumerate()];
        Assert.Equal(files, s_spec.Enumerate());
        Assert.Equal(42, files.Length);
        Assert.Equal(42, files.Select(f => f.Path).Distinct().Count());
        Assert.Equal(5, files.Select(f => Path.GetDirectoryName(f.Path)).Distinct().Count());
        Assert.All(files.Take(40), f => Assert.Matches("^(n[0-9]{8})/\\1_[0-9]+\\.JPEG$", f.Path));
        Assert.Equal(new TreeFile("shards/shard-000001.tar", 2_500_000), files[^1]);
        Assert.NotEqual(files, (s_spec with { Seed = 4 }).Enumerate());
    }

    [Fact]
    public void Enumerate_ManyFiles_SizesAreLogNormal()
    {
        TreeSpec spec = new() { Files = 20_000, MedianBytes = 100_000, Sigma = 0.5, MinBytes = 20_000, MaxBytes = 500_000 };
        double[] logs = [.. spec.Enumerate().Select(f => Math.Log(f.Length)).Order()];
        Assert.InRange(Math.Exp(logs[10_000]), 98_000, 102_000);
        double mean = logs.Average();
        Assert.InRange(Math.Sqrt(logs.Average(l => (l - mean) * (l - mean))), 0.48, 0.51);
        Assert.True(Math.Exp(logs[0]) >= 19_999 && Math.Exp(logs[^1]) <= 500_001);
    }

    [Fact]
    public async Task Write_EveryFile_HoldsTheBytesThatTheSpecTells()
    {
        await TreeGenerator.WriteAsync(s_spec, _root);
        Assert.Equal(42, Directory.GetFiles(_root, "*", SearchOption.AllDirectories).Length);
        foreach (TreeFile file in s_spec.Enumerate())
        {
            byte[] bytes = await File.ReadAllBytesAsync(Path.Combine(_root, file.Path));
            Assert.Equal(file.Length, bytes.Length);
            Assert.Equal(-1, s_spec.FirstMismatch(file.Path, 0, bytes));
        }
    }

    [Fact]
    public async Task Cache_AskedTwice_GeneratesOnceAndLeavesNothingElse()
    {
        DataCache cache = new(_root);
        string[] both = await Task.WhenAll(cache.GetAsync(s_spec), cache.GetAsync(s_spec));
        Assert.Equal(both[0], both[1]);
        DateTime made = Directory.GetCreationTimeUtc(both[0]);
        Assert.Equal(both[0], await cache.GetAsync(s_spec));
        Assert.Equal(made, Directory.GetCreationTimeUtc(both[0]));
        Assert.Equal([Path.GetFileName(both[0])], Directory.GetDirectories(_root).Select(Path.GetFileName));
        Assert.NotEqual(both[0], await cache.GetAsync(s_spec with { Files = 1, Shards = 0 }));
    }

    [Fact]
    public async Task Cache_Cancelled_LeavesNothing()
    {
        using CancellationTokenSource cancelled = new();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new DataCache(_root).GetAsync(s_spec, cancellationToken: cancelled.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }
}
