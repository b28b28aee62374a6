using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.Lab;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;
using MLPlatform.Tiers.Segments;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>A store in a directory of its own, whose files are known by a number: their bytes follow from it.</summary>
internal sealed class SegmentFixture : IAsyncDisposable
{
    public static readonly Guid CacheId = new("00112233-4455-6677-8899-aabbccddeeff");

    // Room for one file of any length, and little more.
    public const int SmallSegmentBytes = 1_100_000;

    public SegmentFixture(FaultyDeviceFiles? files = null, SegmentOptions? options = null)
    {
        Root = System.IO.Directory.CreateTempSubdirectory("mlp-segments-").FullName;
        Options = options ?? new SegmentOptions { SegmentBytes = SmallSegmentBytes };
        Files = files ?? new FaultyDeviceFiles(new DeviceFiles());
        Index = new MemoryBlockIndex(Files, CheckpointPath);
    }

    public string Root { get; }

    public string Directory => Path.Combine(Root, "segments");

    public string CheckpointPath => Path.Combine(Root, "index");

    public SegmentOptions Options { get; set; }

    public FaultyDeviceFiles Files { get; private set; }

    public MemoryBlockIndex Index { get; private set; }

    public SegmentStore Store { get; private set; } = null!;

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));

    /// <summary>What <see cref="SegmentStore.Dropped"/> told.</summary>
    public List<(FileKey Key, RecordDropReason Reason)> Drops { get; } = [];

    public static FileKey KeyOf(int id) => new(0x9E37_79B9_7F4A_7C15UL * (ulong)(id + 1), (ulong)id);

    public static byte[] ContentOf(int id, int length)
    {
        byte[] bytes = new byte[length];
        SyntheticContent.Fill(7, $"file-{id}", 0, bytes);
        return bytes;
    }

    public static uint[] ChecksumsOf(ReadOnlySpan<byte> content)
    {
        uint[] checksums = new uint[CacheUnits.UnitsOf(content.Length)];
        for (int unit = 0; unit < checksums.Length; unit++)
        {
            int start = unit * CacheUnits.UnitBytes;
            checksums[unit] = Crc32C.Of(content.Slice(start, Math.Min(CacheUnits.UnitBytes, content.Length - start)));
        }

        return checksums;
    }

    public SegmentFixture Open()
    {
        Store = SegmentStore.Open(Files, Directory, 3, CacheId, Index, Index.Coverage, Options, Time, NullLogger.Instance);
        Store.Dropped += (key, _, reason) =>
        {
            lock (Drops)
            {
                Drops.Add((key, reason));
            }
        };
        return this;
    }

    /// <summary>As after a kill and a start: the disk as it is, and the index of the last checkpoint.</summary>
    public async Task ReopenAsync()
    {
        if (Store is not null)
        {
            await Store.DisposeAsync();
        }

        Files = new FaultyDeviceFiles(new DeviceFiles());
        Index = MemoryBlockIndex.Load(Files, CheckpointPath);
        Open();
    }

    public Task CheckpointAsync() => Index.CheckpointAsync(Store.BeginCheckpoint(), CancellationToken.None);

    public Task<ulong> AppendAsync(int id, int length, uint dataset = 0, RecordFlags flags = RecordFlags.None) => AppendAsync(KeyOf(id), ContentOf(id, length), dataset, flags);

    public async Task<ulong> AppendAsync(FileKey key, byte[] content, uint dataset = 0, RecordFlags flags = RecordFlags.None)
    {
        nint memory = Allocate(content);
        try
        {
            // In uneven pieces, as network buffers are.
            List<NativeSegment> runs = [];
            for (int at = 0; at < content.Length;)
            {
                int run = Math.Min(content.Length - at, 1 + (at / 3) + 4000);
                runs.Add(new NativeSegment(memory + at, run));
                at += run;
            }

            SegmentRecord record = new()
            {
                Key = key,
                Length = content.Length,
                Payload = runs.ToArray(),
                UnitChecksums = ChecksumsOf(content),
                Dataset = dataset,
                Flags = flags,
            };
            return await Store.AppendAsync(record, CancellationToken.None);
        }
        finally
        {
            Overwrite(memory, content.Length);
        }
    }

    public unsafe ReadOutcome Read(ulong place, int fileBytes, long offset, int count, out byte[] bytes, bool mayWait = true)
    {
        int scratchBytes = SegmentStore.ScratchBytes(fileBytes, offset, count);
        nint scratch = (nint)NativeMemory.Alloc((nuint)scratchBytes);
        try
        {
            ReadOutcome outcome = Store.TryRead(place, fileBytes, offset, count, scratch, scratchBytes, mayWait, out int start, out int length);
            bytes = outcome == ReadOutcome.Hit ? new ReadOnlySpan<byte>((void*)(scratch + start), length).ToArray() : [];
            return outcome;
        }
        finally
        {
            NativeMemory.Free((void*)scratch);
        }
    }

    /// <summary>Reads a whole file by its number and compares; a hit with wrong bytes fails the test.</summary>
    public ReadOutcome ReadChecked(int id, int length)
    {
        // Cleaning may take the place away between look and read.
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            if (!Store.TryFind(KeyOf(id), out RecordLocation location))
            {
                return ReadOutcome.Miss;
            }

            Assert.Equal(length, (int)location.Length);
            ReadOutcome outcome = Read(location.Place, length, 0, length, out byte[] bytes);
            if (outcome == ReadOutcome.Miss)
            {
                continue;
            }

            Assert.NotEqual(ReadOutcome.WouldBlock, outcome);
            if (outcome == ReadOutcome.Hit)
            {
                AssertSame(ContentOf(id, length), bytes, id);
            }

            return outcome;
        }

        throw new InvalidOperationException($"File {id} is in the index at a place that stays a miss.");
    }

    public static void AssertSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, int id) =>
        Assert.True(expected.SequenceEqual(actual), $"File {id}: {actual.Length} bytes read differ from its {expected.Length} at {expected.CommonPrefixLength(actual)}.");

    public string[] SegmentPaths() => [.. System.IO.Directory.GetFiles(Directory, "*.seg").Order(StringComparer.Ordinal)];

    /// <summary>Open descriptors of this process below <see cref="Root"/>.</summary>
    public int Descriptors()
    {
        int count = 0;
        foreach (string link in System.IO.Directory.GetFiles("/proc/self/fd"))
        {
            count += new FileInfo(link).LinkTarget?.StartsWith(Root, StringComparison.Ordinal) == true ? 1 : 0;
        }

        return count;
    }

    public async ValueTask DisposeAsync()
    {
        if (Store is not null)
        {
            await Store.DisposeAsync();
        }

        System.IO.Directory.Delete(Root, recursive: true);
    }

    private static unsafe nint Allocate(ReadOnlySpan<byte> content)
    {
        nint memory = (nint)NativeMemory.Alloc((nuint)content.Length + 1);
        content.CopyTo(new Span<byte>((void*)memory, content.Length));
        return memory;
    }

    // Whoever reads it after the append has ended reads rubbish.
    private static unsafe void Overwrite(nint memory, int length)
    {
        new Span<byte>((void*)memory, length).Fill(0xEE);
        NativeMemory.Free((void*)memory);
    }
}
