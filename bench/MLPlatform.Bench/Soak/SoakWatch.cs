using System.Diagnostics;
using MLPlatform.Bench.Candidates;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Soak;

/// <summary>Looks at the server and its cache once a second: memory and disk stay within their bounds, descriptors do not pile up, no read takes for ever.</summary>
internal sealed class SoakWatch(SoakPlan plan, SoakTally tally, SoakReaders readers, string cacheDirectory)
{
    // The deadline of a read is 60 s; a request that waits behind another one may take that twice.
    private static readonly TimeSpan s_hung = TimeSpan.FromSeconds(130);

    // What a mount may take beside its budget.
    private const long MemorySlackBytes = 64L << 20;

    // Connections to a store in trouble come and go; files would be thousands.
    private const int DescriptorSlack = 64;

    // Maps, index and segments that are about to be cleaned.
    private const long DiskSlackBytes = 64L << 20;

    private readonly List<int> _descriptors = [];
    private bool _toldOfHang;

    public long PeakAnonymousBytes { get; private set; }

    public long PeakDiskBytes { get; private set; }

    public int PeakDescriptors { get; private set; }

    /// <summary>Watches one server until it is to be killed or the soak ends.</summary>
    public async Task RunAsync(RunningMount mount, TimeSpan time)
    {
        Stopwatch clock = Stopwatch.StartNew();
        _descriptors.Clear();
        while (clock.Elapsed < time)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            if (!mount.Meter.IsAlive)
            {
                tally.Report("The server ended by itself.");
                return;
            }

            Look(mount);
        }

        // The first third opens segments, connections and large files; from then on there is nothing new to open.
        int first = _descriptors.Count / 3;
        if (first >= 5 && _descriptors[^1] > _descriptors.Take(first).Max() + DescriptorSlack)
        {
            tally.Report($"Descriptors grew from {_descriptors.Take(first).Max()} to {_descriptors[^1]}.");
        }
    }

    private void Look(RunningMount mount)
    {
        long memory = mount.Meter.AnonymousBytes;
        long disk = PageCache.AllocatedBytes(cacheDirectory);
        int descriptors = mount.Meter.Descriptors;
        _descriptors.Add(descriptors);
        PeakAnonymousBytes = Math.Max(PeakAnonymousBytes, memory);
        PeakDiskBytes = Math.Max(PeakDiskBytes, disk);
        PeakDescriptors = Math.Max(PeakDescriptors, descriptors);
        if (memory > plan.MemoryBytes + MemorySlackBytes)
        {
            tally.Report($"Anonymous memory is {memory >> 20} MiB with a budget of {plan.MemoryBytes >> 20} MiB.");
        }

        if (disk > plan.CacheBytes + (plan.CacheBytes / 20) + DiskSlackBytes)
        {
            tally.Report($"The cache takes {disk >> 20} MiB on disk and may take {plan.CacheBytes >> 20} MiB.");
        }

        (TimeSpan time, string what) = readers.Slowest;
        if (time > s_hung && !_toldOfHang)
        {
            _toldOfHang = true;
            tally.Report($"A read hangs since {time.TotalSeconds:0} s: {what}\n{mount.Meter.DescribeThreads()}");
        }
    }
}
