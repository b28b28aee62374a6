using System.Runtime.InteropServices;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>CPU time of the calling thread, user and system.</summary>
public static partial class ThreadCpu
{
    // CLOCK_THREAD_CPUTIME_ID in include/uapi/linux/time.h.
    private const int ClockThreadCpuTime = 3;

    public static double Seconds
    {
        get
        {
            Invariant.That(ClockGetTime(ClockThreadCpuTime, out TimeSpec time) == 0);
            return time.Seconds + (time.Nanoseconds / 1e9);
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
