using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Tiers.LargeFiles;

/// <summary>
/// A large file while it is in use: descriptors of data and map, and the map in memory. Counted: who is inside keeps it alive, so no descriptor is closed under a
/// system call. Bits may be looked at without a lock; they and the checksums change under the file's lock, a bit after its checksum.
/// </summary>
internal sealed unsafe class LargeFileContent
{
    private readonly uint* _checksums;
    private readonly ulong* _present;
    private readonly ulong* _verified;
    private long _verifiedUnits;
    private UseCount _users = new();

    public LargeFileContent(SafeFileHandle data, SafeFileHandle map, long units)
    {
        Data = data;
        Map = map;
        Units = units;
        _checksums = (uint*)NativeMemory.AllocZeroed((nuint)units, sizeof(uint));
        _present = (ulong*)NativeMemory.AllocZeroed((nuint)((units + 63) / 64), sizeof(ulong));
        _verified = (ulong*)NativeMemory.AllocZeroed((nuint)((units + 63) / 64), sizeof(ulong));
    }

    public SafeFileHandle Data { get; }

    public SafeFileHandle Map { get; }

    public long Units { get; }

    /// <returns>False: it is being closed; open the file anew.</returns>
    public bool TryEnter() => _users.TryEnter();

    /// <summary>The last one out closes everything. The maker leaves once, too.</summary>
    public void Leave()
    {
        if (_users.Leave())
        {
            Data.Dispose();
            Map.Dispose();
            NativeMemory.Free(_checksums);
            NativeMemory.Free(_present);
            NativeMemory.Free(_verified);
        }
    }

    public bool IsPresent(long unit) => (Volatile.Read(ref _present[unit >> 6]) & (1UL << (int)(unit & 63))) != 0;

    public uint Checksum(long unit) => Volatile.Read(ref _checksums[unit]);

    /// <summary>Units that were read and found right since this was opened, and have not changed since.</summary>
    public long VerifiedUnits => Interlocked.Read(ref _verifiedUnits);

    /// <summary>The unit was read and is right.</summary>
    public void NoteVerified(long unit)
    {
        ulong bit = 1UL << (int)(unit & 63);
        if ((Volatile.Read(ref _verified[unit >> 6]) & bit) == 0 && (Interlocked.Or(ref _verified[unit >> 6], bit) & bit) == 0)
        {
            Interlocked.Increment(ref _verifiedUnits);
        }
    }

    /// <returns>False when it was there already.</returns>
    public bool Add(long unit, uint checksum)
    {
        Doubt(unit);
        Volatile.Write(ref _checksums[unit], checksum);
        ulong bit = 1UL << (int)(unit & 63);
        return (Interlocked.Or(ref _present[unit >> 6], bit) & bit) == 0;
    }

    /// <returns>False when it was not there.</returns>
    public bool Remove(long unit)
    {
        Doubt(unit);
        ulong bit = 1UL << (int)(unit & 63);
        return (Interlocked.And(ref _present[unit >> 6], ~bit) & bit) != 0;
    }

    private void Doubt(long unit)
    {
        ulong bit = 1UL << (int)(unit & 63);
        if ((Interlocked.And(ref _verified[unit >> 6], ~bit) & bit) != 0)
        {
            Interlocked.Decrement(ref _verifiedUnits);
        }
    }
}
