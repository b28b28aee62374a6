using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tests.Tiers;

/// <summary>The real disk, on which a test can stop reads and writes on their way, or empty the page cache.</summary>
internal sealed class HookedDeviceFiles : IDeviceFiles
{
    private readonly DeviceFiles _inner = new();

    /// <summary>Nothing is ever in memory.</summary>
    public bool IsCold { get; init; }

    /// <summary>Called before each read, on its thread.</summary>
    public Action? BeforeRead { get; set; }

    /// <summary>Called before each write, on its thread.</summary>
    public Action? BeforeWrite { get; set; }

    public SafeFileHandle OpenRead(string path) => _inner.OpenRead(path);

    public SafeFileHandle OpenWrite(string path, bool create) => _inner.OpenWrite(path, create);

    public int Read(SafeFileHandle file, nint destination, int count, long offset, DeviceRead how)
    {
        BeforeRead?.Invoke();
        return IsCold && (how & DeviceRead.NoWait) != 0 ? -1 : _inner.Read(file, destination, count, offset, how);
    }

    public void Write(SafeFileHandle file, ReadOnlySpan<NativeSegment> source, long offset)
    {
        BeforeWrite?.Invoke();
        _inner.Write(file, source, offset);
    }

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
