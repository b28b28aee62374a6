using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Bench.Soak;

/// <summary>Bits that rot, in a file that somebody else has open.</summary>
internal static partial class CacheDamage
{
    // O_RDWR | O_CLOEXEC: .NET's own open takes locks.
    private const int ReadWrite = 0x80002;

    /// <summary>Inverts up to 16 bytes at one place.</summary>
    /// <returns>False: the file has no bytes, or is gone.</returns>
    public static bool TryDamage(string path, Random random)
    {
        using SafeFileHandle file = Open(path, ReadWrite);
        if (file.IsInvalid || RandomAccess.GetLength(file) is not (> 0 and long length))
        {
            return false;
        }

        long offset = random.NextInt64(length);
        Span<byte> bytes = stackalloc byte[1 + random.Next(16)];
        bytes = bytes[..RandomAccess.Read(file, bytes, offset)];
        foreach (ref byte b in bytes)
        {
            b = (byte)~b;
        }

        RandomAccess.Write(file, bytes, offset);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}
