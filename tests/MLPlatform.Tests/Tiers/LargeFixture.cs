using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.LargeFiles;
using Xunit;

namespace MLPlatform.Tests.Tiers;

/// <summary>A store of large files in a directory of its own. Files are known by a number: their bytes follow from it.</summary>
internal sealed class LargeFixture : IAsyncDisposable
{
    public const int Unit = CacheUnits.UnitBytes;

    public LargeFixture(IDeviceFiles? files = null, LargeFileOptions? options = null)
    {
        Root = System.IO.Directory.CreateTempSubdirectory("mlp-large-").FullName;
        Files = files ?? new DeviceFiles();
        Options = options ?? new LargeFileOptions();
    }

    public string Root { get; }

    public string Directory => Path.Combine(Root, "large");

    public IDeviceFiles Files { get; set; }

    public LargeFileOptions Options { get; }

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));

    public LargeFileStore Store { get; private set; } = null!;

    /// <summary>What <see cref="LargeFileStore.PayloadChanged"/> told, summed up from what was there at opening.</summary>
    public long CountedBytes;

    public LargeFixture Open()
    {
        Store = LargeFileStore.Open(Files, Directory, SegmentFixture.CacheId, Options, Time, NullLogger.Instance);
        CountedBytes = Store.PresentBytes;
        Store.PayloadChanged += (_, bytes) => Interlocked.Add(ref CountedBytes, bytes);
        return this;
    }

    public async Task ReopenAsync()
    {
        if (Store is not null)
        {
            await Store.DisposeAsync();
        }

        Files = new DeviceFiles();
        Open();
    }

    public string DataPath(int id) => PathOf(id, ".dat");

    public string MapPath(int id) => PathOf(id, ".map");

    /// <param name="checksums">Of the whole file.</param>
    public long Write(int id, byte[] content, uint[] checksums, long firstUnit, int units, uint dataset = 5) =>
        Write(Store.GetOrCreate(SegmentFixture.KeyOf(id), content.Length, dataset), content, checksums, firstUnit, units);

    public static unsafe long Write(LargeFile file, byte[] content, uint[] checksums, long firstUnit, int units)
    {
        long start = firstUnit * Unit;
        int length = (int)(Math.Min(content.Length, (firstUnit + units) * Unit) - start);

        // Memory that is overwritten afterwards, in uneven pieces as network buffers are.
        nint memory = (nint)NativeMemory.Alloc((nuint)length);
        try
        {
            content.AsSpan((int)start, length).CopyTo(new Span<byte>((void*)memory, length));
            List<NativeSegment> runs = [];
            for (int at = 0; at < length;)
            {
                int run = Math.Min(length - at, 70_000 + (at / 3));
                runs.Add(new NativeSegment(memory + at, run));
                at += run;
            }

            return file.Write(firstUnit, runs.ToArray(), checksums.AsSpan((int)firstUnit, units));
        }
        finally
        {
            new Span<byte>((void*)memory, length).Fill(0xEE);
            NativeMemory.Free((void*)memory);
        }
    }

    public static unsafe ReadOutcome Read(LargeFile file, long offset, int count, out byte[] bytes, bool mayWait = true)
    {
        int scratchBytes = LargeFile.ScratchBytes(offset, count);
        nint scratch = (nint)NativeMemory.Alloc((nuint)scratchBytes);
        try
        {
            ReadOutcome outcome = file.TryRead(offset, count, scratch, scratchBytes, mayWait, out int start, out int length);
            bytes = outcome == ReadOutcome.Hit ? new ReadOnlySpan<byte>((void*)(scratch + start), length).ToArray() : [];
            return outcome;
        }
        finally
        {
            NativeMemory.Free((void*)scratch);
        }
    }

    /// <summary>Reads and compares; a hit with wrong bytes fails the test.</summary>
    public ReadOutcome ReadChecked(int id, byte[] content, long offset, int count)
    {
        if (Store.Find(SegmentFixture.KeyOf(id)) is not { } file)
        {
            return ReadOutcome.Miss;
        }

        ReadOutcome outcome = Read(file, offset, count, out byte[] bytes);
        if (outcome == ReadOutcome.Hit)
        {
            SegmentFixture.AssertSame(content.AsSpan((int)offset, (int)Math.Min(count, content.Length - offset)), bytes, id);
        }

        return outcome;
    }

    /// <summary>What the files of the directory take on the disk.</summary>
    public long DiskBytes()
    {
        DeviceFiles disk = new();
        long bytes = 0;
        foreach (string path in System.IO.Directory.EnumerateFiles(Directory, "*", SearchOption.AllDirectories))
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = disk.OpenRead(path);
            bytes += disk.AllocatedBytes(file);
        }

        return bytes;
    }

    /// <summary>Counts, events and disk must agree. The file system may need a page per file for its own notes.</summary>
    public void AssertCounts()
    {
        long present = 0;
        int files = 0;
        Store.ForEach(file =>
        {
            long bytes = 0;
            for (long unit = 0; unit < file.Units;)
            {
                file.FindRun(unit, file.Units, out bool isPresent, out long end);
                bytes += isPresent ? Math.Min(file.Size, end * Unit) - (unit * Unit) : 0;
                unit = end;
            }

            Assert.Equal(bytes, file.PresentBytes);
            present += bytes;
            files++;
            return true;
        });
        Assert.Equal((present, present, files), (Store.PresentBytes, Interlocked.Read(ref CountedBytes), Store.Count));
        Assert.Equal(files * 2, System.IO.Directory.EnumerateFiles(Directory, "*", SearchOption.AllDirectories).Count());
        Assert.InRange(DiskBytes(), 0, Store.DiskBytes + (files * 8192L));
    }

    public int Descriptors() => System.IO.Directory.GetFiles("/proc/self/fd").Count(link => new FileInfo(link).LinkTarget?.StartsWith(Root, StringComparison.Ordinal) == true);

    public async ValueTask DisposeAsync()
    {
        if (Store is not null)
        {
            await Store.DisposeAsync();
        }

        System.IO.Directory.Delete(Root, recursive: true);
    }

    private string PathOf(int id, string extension)
    {
        string name = SegmentFixture.KeyOf(id).ToString();
        return Path.Combine(Directory, name[..2], name + extension);
    }
}
