using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>A disk tier on directories of its own. Files are known by a number: their bytes follow from it.</summary>
internal sealed class TierFixture : IAsyncDisposable
{
    public const int Small = 100 << 10;

    public TierFixture(long capacity, int devices = 1, EvictionKind eviction = EvictionKind.Uniform, string? root = null)
    {
        Root = root ?? System.IO.Directory.CreateTempSubdirectory("mlp-tier-").FullName;
        Options = new CacheOptions
        {
            Devices = [.. Enumerable.Range(0, devices).Select(i => new CacheDeviceOptions(DirectoryOf(i)))],
            CapacityBytes = capacity,
            MinFreeBytes = 0,
            Eviction = eviction,
        };
    }

    public string Root { get; }

    public CacheOptions Options { get; set; }

    public IDeviceFiles Files { get; set; } = new DeviceFiles();

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));

    public DiskTier Tier { get; private set; } = null!;

    public string DirectoryOf(int device) => Path.Combine(Root, $"device{device}");

    public async Task<TierFixture> OpenAsync()
    {
        Tier = DiskTier.Open(Options, new MemoryBudget(256 << 20), Files, NullLoggerFactory.Instance, Time);
        await Tier.Opened.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(Tier.IsOpen);
        return this;
    }

    public async Task ReopenAsync()
    {
        await Tier.DisposeAsync();
        await OpenAsync();
    }

    public async Task<bool> AddSmallAsync(int id, uint dataset, int length = Small)
    {
        byte[] content = SegmentFixture.ContentOf(id, length);
        nint memory = Copy(content);
        try
        {
            return await Tier.AddSmallAsync(SegmentFixture.KeyOf(id), dataset, [new NativeSegment(memory, length)], SegmentFixture.ChecksumsOf(content)) != 0;
        }
        finally
        {
            Free(memory);
        }
    }

    /// <summary>A large file's units; ids of small and large files share one number space.</summary>
    public async Task<bool> AddLargeAsync(int id, uint dataset, byte[] content, uint[] checksums, int firstUnit, int units)
    {
        int start = firstUnit * CacheUnits.UnitBytes;
        int length = Math.Min(content.Length, (firstUnit + units) * CacheUnits.UnitBytes) - start;
        nint memory = Copy(content.AsSpan(start, length));
        try
        {
            return await Tier.AddLargeAsync(SegmentFixture.KeyOf(id), content.Length, dataset, firstUnit, [new NativeSegment(memory, length)], checksums.AsMemory(firstUnit, units));
        }
        finally
        {
            Free(memory);
        }
    }

    /// <summary>Reads a whole small file and compares; a hit with wrong bytes fails the test.</summary>
    public unsafe ReadOutcome ReadSmall(int id, int length = Small)
    {
        int scratchBytes = DiskTier.SmallScratchBytes(length, 0, length);
        nint scratch = (nint)NativeMemory.Alloc((nuint)scratchBytes);
        try
        {
            for (int attempt = 0; attempt < 1000 && Tier.TryFindSmall(SegmentFixture.KeyOf(id), out ulong place); attempt++)
            {
                ReadOutcome outcome = Tier.ReadSmall(place, length, 0, length, scratch, scratchBytes, mayWait: true, out int start, out int got);
                if (outcome == ReadOutcome.Hit)
                {
                    SegmentFixture.AssertSame(SegmentFixture.ContentOf(id, length), new ReadOnlySpan<byte>((void*)(scratch + start), got), id);
                }

                if (outcome != ReadOutcome.Miss)
                {
                    return outcome;
                }
            }

            return ReadOutcome.Miss;
        }
        finally
        {
            NativeMemory.Free((void*)scratch);
        }
    }

    public unsafe ReadOutcome ReadLarge(int id, byte[] content, long offset, int count)
    {
        if (Tier.FindLarge(SegmentFixture.KeyOf(id)) is not { } file)
        {
            return ReadOutcome.Miss;
        }

        int scratchBytes = DiskTier.LargeScratchBytes(offset, count);
        nint scratch = (nint)NativeMemory.Alloc((nuint)scratchBytes);
        try
        {
            ReadOutcome outcome = Tier.ReadLarge(file, offset, count, scratch, scratchBytes, mayWait: true, out int start, out int length);
            if (outcome == ReadOutcome.Hit)
            {
                SegmentFixture.AssertSame(content.AsSpan((int)offset, length), new ReadOnlySpan<byte>((void*)(scratch + start), length), id);
            }

            return outcome;
        }
        finally
        {
            NativeMemory.Free((void*)scratch);
        }
    }

    /// <summary>What the files below a device's directory take on the disk.</summary>
    public long DiskBytes(int device = 0)
    {
        DeviceFiles disk = new();
        long bytes = 0;
        foreach (string path in System.IO.Directory.EnumerateFiles(DirectoryOf(device), "*", SearchOption.AllDirectories))
        {
            try
            {
                using Microsoft.Win32.SafeHandles.SafeFileHandle file = disk.OpenRead(path);
                bytes += disk.AllocatedBytes(file);
            }
            catch (CacheException e) when (e.Error == CacheError.NotFound)
            {
                // Removed between the list and the look.
            }
        }

        return bytes;
    }

    /// <summary>What datasets are said to have must be what is there.</summary>
    public void AssertUsages()
    {
        Dictionary<uint, long> expected = [];
        Tier.ForEachDevice(device =>
        {
            device.Segments.ForEach((_, location) =>
            {
                expected[location.Dataset] = expected.GetValueOrDefault(location.Dataset) + location.Length;
                return true;
            });
            device.Large.ForEach(file =>
            {
                expected[file.Dataset] = expected.GetValueOrDefault(file.Dataset) + file.PresentBytes;
                return true;
            });
        });
        Dictionary<uint, long> said = Tier.Datasets.Where(static d => d.Bytes != 0).ToDictionary(static d => d.Tag, static d => d.Bytes);
        Assert.Equal(expected.Where(static e => e.Value != 0).OrderBy(static e => e.Key), said.OrderBy(static e => e.Key));
        Assert.Equal(Tier.Counters.CachedBytes.Values.Sum(), said.Values.Sum());
    }

    /// <summary>Upkeep comes by once a second at the latest.</summary>
    public static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        for (int i = 0; i < 1500; i++)
        {
            if (condition())
            {
                return;
            }

            await Task.Delay(20);
        }

        Assert.Fail($"It did not happen within half a minute: {what}.");
    }

    public async ValueTask DisposeAsync()
    {
        if (Tier is not null)
        {
            await Tier.DisposeAsync();
        }

        System.IO.Directory.Delete(Root, recursive: true);
    }

    private static unsafe nint Copy(ReadOnlySpan<byte> content)
    {
        nint memory = (nint)NativeMemory.Alloc((nuint)content.Length);
        content.CopyTo(new Span<byte>((void*)memory, content.Length));
        return memory;
    }

    private static unsafe void Free(nint memory) => NativeMemory.Free((void*)memory);
}
