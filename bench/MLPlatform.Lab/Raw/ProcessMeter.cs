using System.Globalization;
using System.Runtime.InteropServices;

namespace MLPlatform.Lab;

/// <summary>What another process costs, as the kernel counts it.</summary>
public sealed partial class ProcessMeter(int processId)
{
    public int ProcessId => processId;

    public bool IsAlive
    {
        get
        {
            try
            {
                // A zombie has ended; only its parent has not looked yet.
                string status = File.ReadAllText($"/proc/{processId}/stat");
                return status[status.LastIndexOf(')') + 2] is not ('Z' or 'X');
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    /// <summary>User and system time so far.</summary>
    public double CpuSeconds
    {
        get
        {
            if (GetCpuClock(processId, out int clock) != 0 || GetTime(clock, out Timespec time) != 0)
            {
                throw new InvalidOperationException($"Process {processId} is gone.");
            }

            return time.Seconds + (time.Nanoseconds / 1e9);
        }
    }

    /// <summary>Resident memory that no file backs: heap, stacks, private mappings.</summary>
    public long AnonymousBytes => Field("status", "RssAnon:") * 1024;

    /// <summary>Bytes that this process made the disk read.</summary>
    public long DeviceReadBytes => Field("io", "read_bytes:");

    /// <summary>Bytes that this process made dirty in the page cache or wrote directly, less those that were dropped before they reached the disk.</summary>
    public long DeviceWrittenBytes => Field("io", "write_bytes:") - Field("io", "cancelled_write_bytes:");

    public int Descriptors => Directory.GetFileSystemEntries($"/proc/{processId}/fd").Length;

    /// <summary>Where its threads are, one line each: state, name, and the kernel function it waits in.</summary>
    public string DescribeThreads()
    {
        List<string> lines = [];
        foreach (string task in Directory.GetDirectories($"/proc/{processId}/task"))
        {
            try
            {
                string status = File.ReadAllText(Path.Combine(task, "stat"));
                lines.Add($"{status[status.LastIndexOf(')') + 2]} {File.ReadAllText(Path.Combine(task, "comm")).Trim()} {File.ReadAllText(Path.Combine(task, "wchan"))}");
            }
            catch (IOException)
            {
                continue; // The thread has ended.
            }
        }

        return string.Join('\n', lines);
    }

    private long Field(string file, string name)
    {
        foreach (string line in File.ReadLines($"/proc/{processId}/{file}"))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                return long.Parse(line.AsSpan(name.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture);
            }
        }

        throw new InvalidOperationException($"/proc/{processId}/{file} has no {name}");
    }

    [LibraryImport("libc", EntryPoint = "clock_getcpuclockid")]
    private static partial int GetCpuClock(int pid, out int clock);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Timespec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
