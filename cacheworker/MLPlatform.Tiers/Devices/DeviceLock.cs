using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Tiers.Devices;

/// <summary>
/// The ownership of a cache directory: flock(2) on its file <c>lock</c>, which ends with the process however it ends. The owner's process id stands in the
/// file for messages.
/// </summary>
internal sealed unsafe partial class DeviceLock : IDisposable
{
    private const int LOCK_EX = 2;
    private const int LOCK_NB = 4;
    private const int EWOULDBLOCK = 11;

    private readonly SafeFileHandle _file;

    private DeviceLock(SafeFileHandle file) => _file = file;

    /// <returns>Null when another process, or another part of this one, owns the directory.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public static DeviceLock? TryTake(string directory)
    {
        string path = Path.Combine(directory, "lock");

        // Not File.OpenHandle: it takes a shared flock of its own, which fails where somebody owns the directory and looks like a broken disk.
        int descriptor;
        fixed (byte* p = Encoding.UTF8.GetBytes(path + "\0"))
        {
            descriptor = DeviceLibc.OpenAt(DeviceLibc.AT_FDCWD, p, DeviceLibc.O_RDWR | DeviceLibc.O_CREAT | DeviceLibc.O_CLOEXEC, 0x180); // 0600
        }

        if (descriptor < 0)
        {
            throw new CacheException(CacheError.DeviceFailed, $"The cache directory {directory} cannot be used: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
        }

        SafeFileHandle file = new(descriptor, ownsHandle: true);
        if (Flock((int)file.DangerousGetHandle(), LOCK_EX | LOCK_NB) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            file.Dispose();
            return errno == EWOULDBLOCK ? null : throw new CacheException(CacheError.DeviceFailed, $"Locking {path} failed: {Marshal.GetPInvokeErrorMessage(errno)}.");
        }

        RandomAccess.SetLength(file, 0);
        RandomAccess.Write(file, Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"), 0);
        return new DeviceLock(file);
    }

    public void Dispose() => _file.Dispose();

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(int descriptor, int operation);
}
