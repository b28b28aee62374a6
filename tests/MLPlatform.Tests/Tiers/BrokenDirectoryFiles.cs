using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tests.Tiers;

/// <summary>The real disk, of which one directory can break: every operation below it fails until it is well again. Tells how much is free, too.</summary>
internal sealed class BrokenDirectoryFiles(string directory) : IDeviceFiles
{
    private readonly DeviceFiles _inner = new();
    private readonly ConcurrentDictionary<SafeFileHandle, bool> _below = new();
    private int _isBroken;
    private long _freeBytes = -1;

    public bool IsBroken
    {
        get => Volatile.Read(ref _isBroken) != 0;
        set => Volatile.Write(ref _isBroken, value ? 1 : 0);
    }

    /// <summary>What the file system says is free; negative: what is true.</summary>
    public long FreeBytes
    {
        get => Interlocked.Read(ref _freeBytes);
        set => Interlocked.Exchange(ref _freeBytes, value);
    }

    public SafeFileHandle OpenRead(string path) => Note(path, Check(path).OpenRead(path));

    public SafeFileHandle OpenWrite(string path, bool create) => Note(path, Check(path).OpenWrite(path, create));

    public int Read(SafeFileHandle file, nint destination, int count, long offset, DeviceRead how) => Check(file).Read(file, destination, count, offset, how);

    public void Write(SafeFileHandle file, ReadOnlySpan<NativeSegment> source, long offset) => Check(file).Write(file, source, offset);

    public long Length(SafeFileHandle file) => Check(file).Length(file);

    public long AllocatedBytes(SafeFileHandle file) => Check(file).AllocatedBytes(file);

    public void SetLength(SafeFileHandle file, long length) => Check(file).SetLength(file, length);

    public void Allocate(SafeFileHandle file, long offset, long length) => Check(file).Allocate(file, offset, length);

    public void PunchHole(SafeFileHandle file, long offset, long length) => Check(file).PunchHole(file, offset, length);

    public void Advise(SafeFileHandle file, long offset, long length, bool willNeed) => _inner.Advise(file, offset, length, willNeed);

    public void Sync(SafeFileHandle file) => Check(file).Sync(file);

    public void Delete(string path) => Check(path).Delete(path);

    public void Rename(string from, string to) => Check(from).Rename(from, to);

    public void CreateDirectory(string path) => Check(path).CreateDirectory(path);

    public IReadOnlyList<string> List(string path) => Check(path).List(path);

    public (long Total, long Free) Space(string path)
    {
        (long total, long free) = Check(path).Space(path);
        return (total, FreeBytes < 0 ? free : FreeBytes);
    }

    private DeviceFiles Check(string path) => IsBroken && path.StartsWith(directory, StringComparison.Ordinal) ? throw Fault() : _inner;

    private DeviceFiles Check(SafeFileHandle file) => IsBroken && _below.ContainsKey(file) ? throw Fault() : _inner;

    private SafeFileHandle Note(string path, SafeFileHandle file)
    {
        if (path.StartsWith(directory, StringComparison.Ordinal))
        {
            _below[file] = true;
        }

        return file;
    }

    private static CacheException Fault() => new(CacheError.DeviceFailed, "An injected fault of the disk.");
}
