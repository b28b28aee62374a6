using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Datasets;

/// <summary>Reads files that somebody has locked: .NET asks for a shared lock whenever it opens one, whatever sharing it is told.</summary>
internal static partial class UnlockedFile
{
    // O_RDONLY | O_CLOEXEC of Linux, equal on x86 and arm.
    private const int OpenFlags = 0x80000;

    /// <summary>The first bytes of a file.</summary>
    /// <returns>How many there were; -1 when it cannot be opened.</returns>
    public static int ReadStart(string path, Span<byte> destination)
    {
        int descriptor = Open(path, OpenFlags, 0);
        if (descriptor < 0)
        {
            return -1;
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        return RandomAccess.Read(handle, destination, 0);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);
}
