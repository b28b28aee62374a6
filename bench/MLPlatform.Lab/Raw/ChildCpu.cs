using System.Runtime.InteropServices;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>CPU time of the child processes that have ended and been waited for, user and system.</summary>
public static partial class ChildCpu
{
    // RUSAGE_CHILDREN in include/uapi/linux/resource.h.
    private const int Children = -1;

    public static double Seconds
    {
        get
        {
            Invariant.That(GetResourceUsage(Children, out Usage usage) == 0);
            return usage.UserSeconds + usage.SystemSeconds + ((usage.UserMicroseconds + usage.SystemMicroseconds) / 1e6);
        }
    }

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static partial int GetResourceUsage(int who, out Usage usage);

    [StructLayout(LayoutKind.Sequential, Size = 144)]
    private struct Usage
    {
        public long UserSeconds;
        public long UserMicroseconds;
        public long SystemSeconds;
        public long SystemMicroseconds;
    }
}
