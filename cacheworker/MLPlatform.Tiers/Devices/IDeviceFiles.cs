using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Tiers.Devices;

/// <summary>
/// Every operation that the tiers make on a disk, so that tests can fail the N-th one or end the process before it. Any thread may call it; all
/// calls may block, but for reads with <see cref="DeviceRead.NoWait"/>. Paths are absolute.
/// </summary>
/// <remarks>All methods throw <see cref="CacheException"/>: <c>DeviceFull</c> for ENOSPC and EDQUOT, <c>NotFound</c> for ENOENT, <c>DeviceFailed</c> for everything else.</remarks>
internal interface IDeviceFiles
{
    /// <summary>Opens for reading.</summary>
    SafeFileHandle OpenRead(string path);

    /// <summary>Opens for reading and writing.</summary>
    /// <param name="create">Make it, mode 0600; it must not exist.</param>
    SafeFileHandle OpenWrite(string path, bool create);

    /// <summary>preadv2(2) into one run of memory.</summary>
    /// <returns>Bytes read, fewer only at the end of the file or where not everything was in memory; -1 with <see cref="DeviceRead.NoWait"/>: nothing was in memory.</returns>
    int Read(SafeFileHandle file, nint destination, int count, long offset, DeviceRead how);

    /// <summary>pwritev(2) until everything is written.</summary>
    /// <param name="source">At most 1024 runs.</param>
    void Write(SafeFileHandle file, ReadOnlySpan<NativeSegment> source, long offset);

    /// <summary>Bytes of the file.</summary>
    long Length(SafeFileHandle file);

    /// <summary>Bytes the file takes on disk.</summary>
    long AllocatedBytes(SafeFileHandle file);

    /// <summary>ftruncate(2), longer or shorter; nothing is allocated.</summary>
    void SetLength(SafeFileHandle file, long length);

    /// <summary>fallocate(2): makes sure that the range has space; the length grows to its end.</summary>
    void Allocate(SafeFileHandle file, long offset, long length);

    /// <summary>fallocate(2) with FALLOC_FL_PUNCH_HOLE: gives the range's space back; it reads as zeros.</summary>
    void PunchHole(SafeFileHandle file, long offset, long length);

    /// <summary>posix_fadvise(2) POSIX_FADV_DONTNEED or WILLNEED. A hint: never fails.</summary>
    void Advise(SafeFileHandle file, long offset, long length, bool willNeed);

    /// <summary>fdatasync(2).</summary>
    void Sync(SafeFileHandle file);

    /// <summary>unlink(2). A file that does not exist is no error.</summary>
    void Delete(string path);

    /// <summary>rename(2), replacing.</summary>
    void Rename(string from, string to);

    /// <summary>mkdir(2) of the directory and its parents, mode 0700. One that exists is no error.</summary>
    void CreateDirectory(string path);

    /// <summary>Names of the files in a directory, in no order.</summary>
    IReadOnlyList<string> List(string directory);

    /// <summary>Total bytes of the file system, and those that this user may still fill.</summary>
    (long Total, long Free) Space(string directory);
}
