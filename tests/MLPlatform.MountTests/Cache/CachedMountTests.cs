using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Cache;

/// <summary>Mounts with a cache directory: what was read once is never fetched again, whatever happens to the server or the store.</summary>
[Trait("Published", "true")]
public sealed class CachedMountTests : IAsyncLifetime
{
    private const string Bucket = "lab";
    private const int Objects = 200;

    private readonly string _root = Directory.CreateTempSubdirectory("mlp-cached-").FullName;
    private SyntheticSource _source = null!;
    private LightOrigin _origin = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _origin.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [SkippableTheory]
    [InlineData(70_000, "files")]
    [InlineData(300_000, "shards")]
    [InlineData(5_000_000, "files")]
    [InlineData(5_000_000, "shards")]
    [Promise("C2")]
    public async Task Remount_AfterAKill_AsksTheStoreForNothing(int objectBytes, string profile)
    {
        Requires.Fuse();
        int objects = objectBytes > 1_000_000 ? 8 : Objects;
        await StartAsync(objects, objectBytes);
        await using (MountedSource first = await MountAsync(profile))
        {
            ReadAll(first);
            OriginCounters cold = _origin.Counters;
            Assert.True((long)objects * objectBytes == cold.BodyBytes, $"{cold}\n{await first.StatisticsAsync()}\n{string.Join('\n', first.Log)}");

            // Readers have their bytes before the disk has them.
            await first.UntilAsync("cached_bytes.disk", (long)objects * objectBytes);
            await first.KillAsync();
        }

        OriginCounters before = _origin.Counters;
        await using MountedSource second = await MountAsync(profile);
        ReadAll(second);
        Assert.Equal(0, (_origin.Counters - before).Gets);

        // More where the kernel gave pages back before they were read.
        Assert.InRange((await second.StatisticsAsync()).GetProperty("hit_bytes").GetProperty("disk").GetInt64(), (long)objects * objectBytes, 2L * objects * objectBytes);
    }

    [SkippableFact]
    [Promise("C3")]
    public async Task Read_OfWhatIsCached_WorksWithoutTheStore()
    {
        Requires.Fuse();
        await StartAsync(Objects, 50_000);
        await using (MountedSource first = await MountAsync("files"))
        {
            ReadAll(first);
        }

        // A dataset is pinned: its names need no store either.
        await using MountedSource second = await MountAsync("files");
        await _origin.DisposeAsync();
        ReadAll(second);
    }

    [SkippableFact]
    [Promise("C1")]
    public async Task Read_OfFlippedBytes_FetchesThemAgain()
    {
        Requires.Fuse();
        await StartAsync(Objects, 100_000);
        await using (MountedSource first = await MountAsync("files"))
        {
            ReadAll(first);
        }

        Random random = new(5);
        foreach (string segment in Directory.GetFiles(Path.Combine(_root, "cache", "mlp", "segments")))
        {
            using FileStream file = new(segment, FileMode.Open, FileAccess.ReadWrite);
            for (long at = 0; at < file.Length; at += 150_000)
            {
                file.Position = at + random.Next((int)Math.Min(100_000, file.Length - at));
                int value = file.ReadByte();
                file.Position--;
                file.WriteByte((byte)(value ^ 0x10));
            }
        }

        await using MountedSource second = await MountAsync("files");
        ReadAll(second);
        Assert.True((await second.StatisticsAsync()).GetProperty("checksum_failures").GetInt64() > 0);
    }

    [SkippableFact]
    [Promise("C4")]
    public async Task Cache_SmallerThanTheDataset_KeepsWhatItHas()
    {
        Requires.Fuse();
        await StartAsync(800, 100_000);
        await using (MountedSource first = await MountAsync("files", "--cache-size", "40MB"))
        {
            ReadAll(first);
            long written = (await first.StatisticsAsync()).GetProperty("cached_bytes").GetProperty("disk").GetInt64();
            Assert.InRange(written, 32_000_000, 40_000_000);
        }

        OriginCounters before = _origin.Counters;
        await using MountedSource second = await MountAsync("files", "--cache-size", "40MB");
        ReadAll(second);
        Assert.InRange((_origin.Counters - before).BodyBytes, 40_000_000, 48_000_000);
    }

    [SkippableFact]
    [Promise("C5")]
    public async Task Cache_OfAnotherFormatOrNotADirectory_CostsNoRead()
    {
        Requires.Fuse();
        await StartAsync(Objects, 50_000);
        string other = Directory.CreateDirectory(Path.Combine(_root, "other")).FullName;
        File.WriteAllText(Path.Combine(other, "format"), "mlp-cache 999\nof another day\n");
        await using (MountedSource mount = await MountAsync("files", "--cache-dir", other))
        {
            ReadAll(mount);
            Assert.Contains(mount.Log, line => line.Contains("set aside", StringComparison.Ordinal));
            await mount.UntilAsync("cached_files", Objects);
        }

        Assert.Single(Directory.GetDirectories(other, "set-aside-*"));
        string file = Path.Combine(_root, "file");
        File.WriteAllText(file, "");
        await using MountedSource without = await MountAsync("files", "--cache-dir", file);
        ReadAll(without);
        Assert.Contains(without.Log, line => line.Contains(file, StringComparison.Ordinal));
    }

    [SkippableFact]
    [Promise("C1")]
    public async Task Passthrough_OfACachedFile_IsRightWhileTheCacheEvicts()
    {
        Requires.Fuse();
        Requires.Root();
        await StartAsync(12, 5_000_000);
        await using MountedSource mount = await MountAsync("shards", "--cache-size", "24MB", "--eviction", "lru");
        string key = _source.KeyAt(0);
        byte[] expected = File.ReadAllBytes(mount.PathOf(key));
        Assert.Equal(-1, SyntheticContent.FirstMismatch(_source.Seed, key, 0, expected));
        await mount.UntilAsync("cached_bytes.disk", 5_000_000);

        // The first opens find a file that has not been read back since it was written, which is done then.
        FileStream? stream = null;
        for (int attempt = 0; attempt < 200; attempt++)
        {
            stream = File.OpenRead(mount.PathOf(key));
            if ((await mount.StatisticsAsync()).GetProperty("passthrough_opens").GetInt64() > 0)
            {
                break;
            }

            await stream.DisposeAsync();
            stream = null;
            await Task.Delay(50);
        }

        Assert.NotNull(stream);
        await using (stream)
        {
            using System.IO.MemoryMappedFiles.MemoryMappedFile map = System.IO.MemoryMappedFiles.MemoryMappedFile.CreateFromFile(
                stream, null, 0, System.IO.MemoryMappedFiles.MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            using System.IO.MemoryMappedFiles.MemoryMappedViewAccessor view = map.CreateViewAccessor(0, expected.Length, System.IO.MemoryMappedFiles.MemoryMappedFileAccess.Read);
            byte[] bytes = new byte[expected.Length];
            using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(90));
            for (int round = 0; (await mount.StatisticsAsync()).GetProperty("evicted_bytes").GetInt64() <= 24_000_000; round++)
            {
                deadline.Token.ThrowIfCancellationRequested();
                PageCache.Drop(mount.Directory); // Else later rounds never reach the cache.
                for (int index = 1; index < _source.Count; index++)
                {
                    string other = _source.KeyAt(index);
                    Assert.Equal(-1, SyntheticContent.FirstMismatch(_source.Seed, other, 0, File.ReadAllBytes(mount.PathOf(other))));
                    stream.Position = 0;
                    stream.ReadExactly(bytes);
                    Assert.True(bytes.AsSpan().SequenceEqual(expected), $"A read differs after {index} files in round {round}.");
                    view.ReadArray(0, bytes, 0, bytes.Length);
                    Assert.True(bytes.AsSpan().SequenceEqual(expected), $"The map differs after {index} files in round {round}.");
                }
            }
        }
    }

    [SkippableTheory]
    [InlineData(100_000)]
    [InlineData(5_000_000)]
    public async Task Cache_InMemory_WorksAsOnADisk(int objectBytes)
    {
        Requires.Fuse();
        Skip.IfNot(Directory.Exists("/dev/shm"), "needs /dev/shm");
        string memory = $"/dev/shm/mlp-test-{Guid.NewGuid():N}";
        try
        {
            await StartAsync(8, objectBytes);
            await using (MountedSource first = await MountAsync("shards", "--cache-dir", $"{memory},tier=memory", "--cache-size", "100MB", "--min-free", "0"))
            {
                ReadAll(first);
                await first.UntilAsync("cached_bytes.memory", 8L * objectBytes);
            }

            OriginCounters before = _origin.Counters;
            await using MountedSource second = await MountAsync("shards", "--cache-dir", $"{memory},tier=memory", "--cache-size", "100MB", "--min-free", "0");
            ReadAll(second);
            Assert.Equal(0, (_origin.Counters - before).Gets);
            Assert.Equal(8L * objectBytes, (await second.StatisticsAsync()).GetProperty("cached_bytes").GetProperty("memory").GetInt64());
        }
        finally
        {
            if (Directory.Exists(memory))
            {
                Directory.Delete(memory, recursive: true);
            }
        }
    }

    private async Task StartAsync(int objects, int objectBytes)
    {
        _source = new SyntheticSource(Bucket, directories: 4, filesPerDirectory: objects / 4, objectBytes, seed: 3);
        _origin = await LightOrigin.StartAsync(_source);
        CommandResult add = await Mlp.RunAsync(["dataset", "add", "cached", $"s3://{Bucket}", "--endpoint-url", _origin.Endpoint.ToString(), "--anonymous"], MountedSource.Environment(_root));
        Assert.True(add.ExitCode == 0, add.ToString());
    }

    private Task<MountedSource> MountAsync(string profile, params string[] options) =>
        MountedSource.StartAsync("cached", ["--profile", profile, "--memory", "128MiB", .. options], root: _root);

    // Threads of their own: on the thread pool, waiting readers would leave the store, which lives in this process, none to answer with.
    private void ReadAll(MountedSource mount)
    {
        long next = -1;
        List<Exception> failures = [];
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            try
            {
                for (long index; (index = Interlocked.Increment(ref next)) < _source.Count;)
                {
                    string key = _source.KeyAt(index);
                    byte[] bytes = File.ReadAllBytes(mount.PathOf(key));
                    Assert.Equal(_source.ObjectBytes, bytes.Length);
                    Assert.Equal(-1, SyntheticContent.FirstMismatch(_source.Seed, key, 0, bytes));
                }
            }
            catch (Exception e)
            {
                lock (failures)
                {
                    failures.Add(e);
                }
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        Assert.Empty(failures);
    }
}
