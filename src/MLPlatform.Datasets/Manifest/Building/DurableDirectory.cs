using System.Runtime.InteropServices;

namespace MLPlatform.Datasets;

/// <summary>Makes a renaming or a new name survive a power cut: .NET opens no directories.</summary>
internal static partial class DurableDirectory
{
    // O_RDONLY | O_DIRECTORY | O_CLOEXEC of Linux; O_DIRECTORY is one of the few that differ between x86 and arm.
    private static readonly int s_openFlags = 0x80000 | (RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x4000 : 0x10000);

    /// <summary>Waits until the disk has the directory's names. A file system that cannot do that (some network ones) is left alone.</summary>
    public static void Flush(string path)
    {
        int descriptor = Open(path, s_openFlags, 0);
        if (descriptor >= 0)
        {
            Fsync(descriptor);
            Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
