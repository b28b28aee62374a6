using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tests.Tiers;

/// <summary>The real disk with a page cache that never holds anything.</summary>
internal sealed class ColdDeviceFiles : IDeviceFiles
{
    private readonly DeviceFiles _inner = new();

    public SafeFileHandle OpenRead(string path) => _inner.OpenRead(path);

    public SafeFileHandle OpenWrite(string path, bool create) => _inner.OpenWrite(path, create);

    public int Read(SafeFileHandle file, nint destination, int count, long offset, DeviceRead how) =>
        (how & DeviceRead.NoWait) != 0 ? -1 : _inner.Read(file, destination, count, offset, how);

    public void Write(SafeFileHandle file, ReadOnlySpan<NativeSegment> source, long offset) => _inner.Write(file, source, offset);

    public long Length(SafeFileHandle file) => _inner.Length(file);

    public long AllocatedBytes(SafeFileHandle file) => _inner.AllocatedBytes(file);

    public void SetLength(SafeFileHandle file, long length) => _inner.SetLength(file, length);

    public void Allocate(SafeFileHandle file, long offset, long length) => _inner.Allocate(file, offset, length);

    public void PunchHole(SafeFileHandle file, long offset, long length) => _inner.PunchHole(file, offset, length);

    public void Advise(SafeFileHandle file, long offset, long length, bool willNeed) => _inner.Advise(file, offset, length, willNeed);

    public void Sync(SafeFileHandle file) => _inner.Sync(file);

    public void Delete(string path) => _inner.Delete(path);

    public void Rename(string from, string to) => _inner.Rename(from, to);

    public void CreateDirectory(string path) => _inner.CreateDirectory(path);

    public IReadOnlyList<string> List(string directory) => _inner.List(directory);

    public (long Total, long Free) Space(string directory) => _inner.Space(directory);
}
