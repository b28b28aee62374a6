using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Tiers.Devices;

/// <summary>A write, a sync and a read of one page: what tells a working disk from one that fails.</summary>
internal static unsafe class DeviceProbe
{
    private const int Bytes = 4096;

    /// <exception cref="CacheException">It does not work.</exception>
    public static void Run(IDeviceFiles files, string path)
    {
        files.Delete(path);
        byte* page = (byte*)NativeMemory.AlignedAlloc(Bytes, Bytes);
        try
        {
            new Span<byte>(page, Bytes).Fill(0x5A);
            using (SafeFileHandle file = files.OpenWrite(path, create: true))
            {
                files.Write(file, [new NativeSegment((nint)page, Bytes)], 0);
                files.Sync(file);

                // From the disk and not from memory.
                files.Advise(file, 0, 0, willNeed: false);
                new Span<byte>(page, Bytes).Clear();
                int read = files.Read(file, (nint)page, Bytes, 0, DeviceRead.Normal);
                if (read != Bytes || new ReadOnlySpan<byte>(page, Bytes).ContainsAnyExcept((byte)0x5A))
                {
                    throw new CacheException(CacheError.DeviceFailed, $"{path} did not come back as it was written.");
                }
            }

            files.Delete(path);
        }
        finally
        {
            NativeMemory.AlignedFree(page);
        }
    }
}
