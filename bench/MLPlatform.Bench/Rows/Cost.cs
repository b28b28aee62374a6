using MLPlatform.Bench.Candidates;
using MLPlatform.Bench.Stores;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Rows;

/// <summary>What one pass over some files took.</summary>
/// <param name="Wall">Seconds until the last byte was read.</param>
/// <param name="DaemonCpu">Seconds of the mount's server, until it had also written what it keeps.</param>
/// <param name="Origin">What the store served meanwhile; null where it does not tell.</param>
/// <param name="DeviceBytes">Read from the disk by server and reader.</param>
/// <param name="PeakAnonymousBytes">Of the server.</param>
internal readonly record struct Cost(double Wall, double DaemonCpu, long Bytes, OriginTotals? Origin, long DeviceBytes, long PeakAnonymousBytes)
{
    private static readonly ProcessMeter s_self = new(Environment.ProcessId);

    public double MiBPerSecond => Bytes / Wall / (1 << 20);

    /// <summary>Reads files through a mount, each once.</summary>
    /// <exception cref="InvalidOperationException">Fewer or more bytes came than the files have.</exception>
    public static Cost Of(RunningMount mount, BenchStore store, IReadOnlyList<string> names, int threads, long expectedBytes)
    {
        OriginTotals? origin = store.Totals;
        double cpu = mount.Meter.CpuSeconds;
        long device = mount.Meter.DeviceReadBytes + s_self.DeviceReadBytes;
        using PeakSampler peak = new(mount.Meter);
        (double wall, _, long bytes) = FileReading.ReadAll(mount.Directory, names, threads);
        long deviceAfter = mount.Meter.DeviceReadBytes + s_self.DeviceReadBytes;
        mount.Settle();
        return bytes == expectedBytes
            ? new Cost(wall, mount.Meter.CpuSeconds - cpu, bytes, store.Totals - origin, deviceAfter - device, peak.Bytes)
            : throw new InvalidOperationException($"{bytes} bytes came, and {expectedBytes} should have.");
    }

    /// <summary>Reads files of a local directory, each once.</summary>
    public static Cost OfLocal(string directory, IReadOnlyList<string> names, int threads)
    {
        long device = s_self.DeviceReadBytes;
        (double wall, double cpu, long bytes) = FileReading.ReadAll(directory, names, threads);
        return new Cost(wall, cpu, bytes, null, s_self.DeviceReadBytes - device, 0);
    }
}
