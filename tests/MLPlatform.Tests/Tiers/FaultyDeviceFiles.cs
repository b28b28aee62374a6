using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tests.Tiers;

/// <summary>
/// A disk that fails the N-th change (write, allocation, sync, rename, …), or, as a crash, that and everything after it. A write can be
/// torn: only its first half reaches the disk. Any thread may call it.
/// </summary>
internal sealed class FaultyDeviceFiles(IDeviceFiles inner) : IDeviceFiles
{
    private long _changes;

    /// <summary>Changes so far, failed ones included.</summary>
    public long Changes => Interlocked.Read(ref _changes);

    /// <summary>Number, from 1, of the change that fails; 0: none.</summary>
    public long FailAt { get; set; }

    /// <summary>Everything from <see cref="FailAt"/> on fails, as if the process had been killed.</summary>
    public bool IsCrash { get; set; }

    /// <summary>The failing write leaves its first half.</summary>
    public bool IsTorn { get; set; }

    public CacheError Error { get; set; } = CacheError.DeviceFailed;

    /// <summary>Reads fail too, until it is false again.</summary>
    public bool ReadsFail { get; set; }

    /// <summary>Reads that reached the disk.</summary>
    public long Reads { get; private set; }

    public SafeFileHandle OpenRead(string path) => inner.OpenRead(path);

    public SafeFileHandle OpenWrite(string path, bool create)
    {
        if (create)
        {
            Change();
        }

        return inner.OpenWrite(path, create);
    }

    public int Read(SafeFileHandle file, nint destination, int count, long offset, DeviceRead how)
    {
        if (ReadsFail)
        {
            throw Fault();
        }

        Reads++;
        return inner.Read(file, destination, count, offset, how);
    }

    public void Write(SafeFileHandle file, ReadOnlySpan<NativeSegment> source, long offset)
    {
        long total = 0;
        foreach (NativeSegment segment in source)
        {
            total += segment.Length;
        }

        long number = Interlocked.Increment(ref _changes);
        if (Fails(number))
        {
            if (IsTorn && number == FailAt && total > 1)
            {
                WriteHalf(file, source, offset, total / 2);
            }

            throw Fault();
        }

        inner.Write(file, source, offset);
    }

    public long Length(SafeFileHandle file) => inner.Length(file);

    public long AllocatedBytes(SafeFileHandle file) => inner.AllocatedBytes(file);

    public void SetLength(SafeFileHandle file, long length)
    {
        Change();
        inner.SetLength(file, length);
    }

    public void Allocate(SafeFileHandle file, long offset, long length)
    {
        Change();
        inner.Allocate(file, offset, length);
    }

    public void PunchHole(SafeFileHandle file, long offset, long length)
    {
        Change();
        inner.PunchHole(file, offset, length);
    }

    public void Advise(SafeFileHandle file, long offset, long length, bool willNeed) => inner.Advise(file, offset, length, willNeed);

    public void Sync(SafeFileHandle file)
    {
        Change();
        inner.Sync(file);
    }

    public void Delete(string path)
    {
        Change();
        inner.Delete(path);
    }

    public void Rename(string from, string to)
    {
        Change();
        inner.Rename(from, to);
    }

    public void CreateDirectory(string path)
    {
        Change();
        inner.CreateDirectory(path);
    }

    public IReadOnlyList<string> List(string directory) => inner.List(directory);

    public (long Total, long Free) Space(string directory) => inner.Space(directory);

    private void WriteHalf(SafeFileHandle file, ReadOnlySpan<NativeSegment> source, long offset, long bytes)
    {
        foreach (NativeSegment segment in source)
        {
            long length = Math.Min(bytes, segment.Length);
            if (length > 0)
            {
                inner.Write(file, [new NativeSegment(segment.Address, (nint)length)], offset);
                offset += length;
                bytes -= length;
            }
        }
    }

    private void Change()
    {
        if (Fails(Interlocked.Increment(ref _changes)))
        {
            throw Fault();
        }
    }

    private bool Fails(long number) => FailAt > 0 && (number == FailAt || (IsCrash && number > FailAt));

    private CacheException Fault() => new(Error, "An injected fault of the disk.");
}
