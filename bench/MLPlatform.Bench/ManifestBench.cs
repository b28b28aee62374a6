using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Bench;

/// <summary>
/// Measures a manifest against the budgets of DESIGN §3: bytes and private memory per file, time until the first answer, names per second,
/// time of one stat. The paths are ImageNet's: directories of 1300 files, <c>train/n01440764/n01440764_10026.JPEG</c>.
/// </summary>
internal static partial class ManifestBench
{
    private const int FilesPerDirectory = 1300;
    private const int Stats = 1_000_000;

    public static async Task<int> RunAsync(string[] args)
    {
        long files = 10_000_000;
        string? directory = null;
        bool etags = true;
        for (int i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--files" when i + 1 < args.Length && long.TryParse(args[++i], NumberStyles.None, CultureInfo.InvariantCulture, out files):
                    break;
                case "--dir" when i + 1 < args.Length:
                    directory = args[++i];
                    break;
                case "--no-etags":
                    etags = false;
                    break;
                default:
                    Console.Error.WriteLine("usage: manifest [--files N] [--dir DIR] [--no-etags]   builds in DIR (default: a temporary directory), removes what it built");
                    return 2;
            }
        }

        string root = Path.Combine(directory ?? Path.GetTempPath(), $"mlp-manifest-bench-{Environment.ProcessId}");
        try
        {
            await MeasureAsync(root, files, etags);
            return 0;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task MeasureAsync(string root, long files, bool etags)
    {
        Directory.CreateDirectory(root);
        string first = await BuildAsync("build", root, files, etags, changeEvery: 0, null);
        Read("fresh", first, files);
        using Manifest previous = Manifest.Open(first);
        string second = await BuildAsync("rebuild, 1 % changed", root, files, etags, changeEvery: 100, previous);
        Read("rebuilt (inode column)", second, files);
        using Manifest now = Manifest.Open(second);
        var clock = Stopwatch.StartNew();
        ManifestDiff diff = ManifestDiff.Compare(previous, now, limit: 1_000_000, CancellationToken.None);
        Print("diff", $"{clock.Elapsed.TotalSeconds:0.00} s, {diff.Changed} changed");
    }

    private static async Task<string> BuildAsync(string what, string root, long files, bool etags, int changeEvery, Manifest? previous)
    {
        long before = Status("RssAnon");
        var peak = new PeakMemory();
        var clock = Stopwatch.StartNew();
        var making = new Stopwatch();
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        await using ManifestBuilder builder = ManifestBuilder.Open(new ManifestBuilderOptions
        {
            DatasetName = "bench",
            Mounts = [new ManifestMount("", "s3://bench/imagenet")],
            WorkDirectory = Path.Combine(root, "work"),
            Previous = previous,
            Progress = peak,
        });
        foreach (StoreEntry[] page in Pages(files, etags, changeEvery, making))
        {
            await builder.AddAsync(0, page, CancellationToken.None);
        }

        double listed = clock.Elapsed.TotalSeconds;
        ManifestBuildResult result = await builder.FinishAsync(root, CancellationToken.None);
        double seconds = clock.Elapsed.TotalSeconds - making.Elapsed.TotalSeconds;
        long bytes = new FileInfo(result.Path).Length;
        Print(what, $"{files / seconds / 1e6:0.00} M files/s ({seconds:0.0} s: add {listed - making.Elapsed.TotalSeconds:0.0}, merge and write {clock.Elapsed.TotalSeconds - listed:0.0}; {making.Elapsed.TotalSeconds:0.0} s of making entries not counted)");
        cpu = Environment.CpuUsage.TotalTime - cpu;
        Print("", $"{cpu.TotalSeconds:0.0} s of CPU, making entries included; {(double)bytes / files:0.0} bytes/file on disk; anonymous memory {ByteSize.Format(before)} before, {ByteSize.Format(peak.Bytes)} at most");
        return result.Path;
    }

    /// <summary>Pages of 1000 names as S3 lists them.</summary>
    private static IEnumerable<StoreEntry[]> Pages(long files, bool etags, int changeEvery, Stopwatch making)
    {
        var random = new Random(42);
        var page = new List<StoreEntry>(1000);
        making.Start();
        for (long i = 0; i < files; i++)
        {
            long directory = i / FilesPerDirectory;
            UInt128 etag = new((ulong)random.NextInt64(), (ulong)random.NextInt64());
            etag ^= changeEvery > 0 && i % changeEvery == 0 ? 1UL : 0;
            page.Add(new StoreEntry
            {
                Path = Encoding.ASCII.GetBytes($"train/n{1_000_000 + (directory * 17):00000000}/n{1_000_000 + (directory * 17):00000000}_{(i % FilesPerDirectory) * 11}.JPEG"),
                Kind = StoreEntryKind.File,
                Size = (long)(110_000 * Math.Exp(random.NextDouble() - 0.5)),
                MtimeNanoseconds = 1_600_000_000_000_000_000 + (random.Next(40_000_000) * 1_000_000_000L),
                Identity = etags ? ObjectIdentity.FromParts(IdentityKind.HexETag, etag, null) : ObjectIdentity.None,
            });
            if (page.Count == 1000 || i == files - 1)
            {
                making.Stop();
                yield return [.. page];
                making.Start();
                page.Clear();
            }
        }

        making.Stop();
    }

    private static void Read(string what, string path, long files)
    {
        DropFromPageCache(path);
        GC.Collect();
        long before = Status("RssAnon");
        var clock = Stopwatch.StartNew();
        using Manifest manifest = Manifest.Open(path);
        var tree = new ManifestTree(manifest, [new NoStore()]);
        Invariant.That(tree.TryLookup(ManifestFormat.RootInode, "train"u8, out TreeEntry train) == TreeOutcome.Found);
        var few = new CountingSink { Room = 1 };
        tree.TryReadDirectory(train.Inode, 0, ref few);
        Print(what, $"open to first lookup and name: {clock.Elapsed.TotalMilliseconds:0.0} ms (not in the page cache)");

        double coldRate = MeasureReadDirectory(tree);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        double warmRate = MeasureReadDirectory(tree);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Print("", $"readdir with attributes: {coldRate / 1e6:0.0} M names/s the first time (pages verified), {warmRate / 1e6:0.0} M again, {allocated} bytes allocated");
        Print("", $"private memory after that: {(double)(Status("RssAnon") - before) / files:0.000} bytes/file");
        using (Manifest again = Manifest.Open(path))
        {
            Print("", $"stat by inode, pages not verified yet: {Percentiles(MeasureStats(new ManifestTree(again, [new NoStore()]), again, 100_000, 7))}");
        }

        Print("", $"stat by inode: {Percentiles(MeasureStats(tree, manifest, Stats, 11))}");
        Print("", $"lookup by name: {Percentiles(MeasureLookups(tree, manifest, Stats))}");
    }

    private static double MeasureReadDirectory(ManifestTree tree)
    {
        long start = Stopwatch.GetTimestamp();
        tree.TryLookup(ManifestFormat.RootInode, "train"u8, out TreeEntry train);
        var directories = new CountingSink { Room = int.MaxValue };
        tree.TryReadDirectory(train.Inode, 0, ref directories);
        long names = directories.Taken;

        // A fresh manifest numbers its directories one after the other, so no list of them is needed.
        for (ulong inode = train.Inode + 1; inode <= train.Inode + (ulong)directories.Taken; inode++)
        {
            var sink = new CountingSink { Room = int.MaxValue };
            tree.TryReadDirectory(inode, 0, ref sink);
            names += sink.Taken;
        }

        return names / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double[] MeasureStats(ManifestTree tree, Manifest manifest, int count, int seed)
    {
        var random = new Random(seed);
        double[] microseconds = new double[count];
        for (int i = 0; i < count; i++)
        {
            ulong inode = manifest.InodeOf(random.NextInt64(manifest.RowCount));
            long start = Stopwatch.GetTimestamp();
            tree.TryGetEntry(inode, out _);
            microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        return microseconds;
    }

    private static double[] MeasureLookups(ManifestTree tree, Manifest manifest, int count)
    {
        var random = new Random(13);
        double[] microseconds = new double[count];
        for (int i = 0; i < count; i++)
        {
            long row = random.NextInt64(1, manifest.RowCount);
            byte[] name = manifest.NameOf(row);
            ulong directory = manifest.InodeOf(manifest.ParentOf(row));
            long start = Stopwatch.GetTimestamp();
            Invariant.That(tree.TryLookup(directory, name, out _) == TreeOutcome.Found);
            microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        return microseconds;
    }

    private static string Percentiles(double[] microseconds)
    {
        Array.Sort(microseconds);
        return $"p50 {microseconds[microseconds.Length / 2]:0.00} µs, p99 {microseconds[microseconds.Length * 99L / 100]:0.00} µs";
    }

    private static void Print(string what, string result) => Console.WriteLine($"{what,-24}{result}");

    /// <summary>Bytes of one line of /proc/self/status.</summary>
    private static long Status(string key)
    {
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(key + ":", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(key.Length + 1).TrimEnd("kB ").Trim(), CultureInfo.InvariantCulture) * 1024;
    }

    private static void DropFromPageCache(string path)
    {
        const int PosixFadviseDontNeed = 4;
        using SafeFileHandle file = File.OpenHandle(path);
        Invariant.That(Fadvise(file, 0, 0, PosixFadviseDontNeed) == 0);
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Fadvise(SafeFileHandle file, long offset, long length, int advice);

    private sealed class PeakMemory : IProgress<ListProgress>
    {
        public long Bytes { get; private set; }

        public void Report(ListProgress value) => Bytes = Math.Max(Bytes, Status("RssAnon"));
    }

    private struct CountingSink : IDirectorySink
    {
        public int Room { get; init; }

        public int Taken { get; private set; }

        public bool TryAdd(ReadOnlySpan<byte> name, in TreeEntry entry, ulong nextCookie)
        {
            if (Taken == Room)
            {
                return false;
            }

            Taken++;
            return true;
        }
    }

    /// <summary>Nothing is read here.</summary>
    private sealed class NoStore : IUnderStore
    {
        public string Uri => "s3://bench/imagenet";

        public bool ReadsAreGuarded => true;

        public int SuggestedParallelism => 1;

        public UnderStoreCounters Counters { get; } = new();

        public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken) => throw new NotSupportedException();

        public SafeFileHandle? OpenLocal(StoreObject storeObject) => null;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
