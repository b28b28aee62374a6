using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using MLPlatform.Fuse.Kernel;

namespace MLPlatform.Fuse;

/// <summary>Native buffers for directory replies: one per reply under way, kept for reuse. Any thread may call it.</summary>
internal sealed unsafe class FuseBuffers : IDisposable
{
    // The kernel asks for at most one page up to 6.15 and for the caller's getdents buffer, cut at max_pages, after it. More gains nothing.
    public const int PayloadBytes = 128 * 1024;

    private readonly ConcurrentBag<nint> _free = [];

    public byte* Rent() => _free.TryTake(out nint buffer)
        ? (byte*)buffer
        : (byte*)NativeMemory.AlignedAlloc((nuint)(sizeof(OutHeader) + PayloadBytes), 4096);

    public void Return(byte* buffer) => _free.Add((nint)buffer);

    public void Dispose()
    {
        while (_free.TryTake(out nint buffer))
        {
            NativeMemory.AlignedFree((void*)buffer);
        }
    }
}
