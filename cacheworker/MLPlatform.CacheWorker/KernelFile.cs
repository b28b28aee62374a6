using Microsoft.Win32.SafeHandles;
using MLPlatform.Client;
using MLPlatform.Tiers.LargeFiles;

namespace MLPlatform.CacheWorker;

/// <summary>A whole large file for the kernel; its bytes stay while this lives.</summary>
internal sealed class KernelFile(PassthroughLease lease) : IKernelFile
{
    public SafeFileHandle Handle => lease.Handle;

    public void Dispose() => lease.Dispose();
}
