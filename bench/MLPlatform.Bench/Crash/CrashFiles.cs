using System.Globalization;
using System.Runtime.InteropServices;
using MLPlatform.Core;
using MLPlatform.Lab;
using MLPlatform.Tiers;

namespace MLPlatform.Bench.Crash;

/// <summary>Files that are functions of their number: key, length and every byte. What a cache holds of them can be checked by whoever comes next.</summary>
internal sealed unsafe class CrashFiles(ulong seed) : IDisposable
{
    public const int LargeBytes = (9 << 20) + 4321;

    public const int LargeUnits = (LargeBytes + CacheUnits.UnitBytes - 1) / CacheUnits.UnitBytes;

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(CacheUnits.SmallFileBytes + (64 << 10), 4096);

    public static FileKey SmallKey(long number) => new(SyntheticHash((ulong)number), 1);

    public static FileKey LargeKey(long number) => new(SyntheticHash((ulong)number), 2);

    /// <summary>1 byte to 200 KB; some of one unit exactly, and of one byte more.</summary>
    public static int SmallLength(long number) => (number % 16) switch
    {
        0 => 1,
        1 => CacheUnits.UnitBytes,
        2 => CacheUnits.UnitBytes + 1,
        _ => 1 + (int)(SyntheticHash((ulong)number + 77) % 200_000),
    };

    public static int UnitLength(int unit) => Math.Min(CacheUnits.UnitBytes, LargeBytes - (unit * CacheUnits.UnitBytes));

    /// <summary>Makes a small file in memory that the next call overwrites.</summary>
    public (NativeSegment[] Payload, uint[] Checksums) Small(long number) => Make(SmallName(number), 0, SmallLength(number));

    /// <summary>Makes units of a large file in memory that the next call overwrites.</summary>
    public (NativeSegment[] Payload, uint[] Checksums) Large(long number, int firstUnit, int units)
    {
        long offset = (long)firstUnit * CacheUnits.UnitBytes;
        return Make(LargeName(number), offset, (int)Math.Min((long)units * CacheUnits.UnitBytes, LargeBytes - offset));
    }

    public bool IsSmall(long number, ReadOnlySpan<byte> bytes) =>
        bytes.Length == SmallLength(number) && SyntheticContent.FirstMismatch(seed, SmallName(number), 0, bytes) < 0;

    public bool IsUnit(long number, int unit, ReadOnlySpan<byte> bytes) =>
        bytes.Length == UnitLength(unit) && SyntheticContent.FirstMismatch(seed, LargeName(number), (long)unit * CacheUnits.UnitBytes, bytes) < 0;

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private static string SmallName(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string LargeName(long number) => "large" + number.ToString(CultureInfo.InvariantCulture);

    // SplitMix64's finalizer.
    private static ulong SyntheticHash(ulong value)
    {
        value += 0x9E3779B97F4A7C15UL;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }

    private (NativeSegment[] Payload, uint[] Checksums) Make(string name, long offset, int length)
    {
        Span<byte> bytes = new(_memory, length);
        SyntheticContent.Fill(seed, name, offset, bytes);
        uint[] checksums = new uint[CacheUnits.UnitsOf(length)];
        for (int i = 0; i < checksums.Length; i++)
        {
            checksums[i] = Crc32C.Of(bytes[(i * CacheUnits.UnitBytes)..Math.Min(length, (i + 1) * CacheUnits.UnitBytes)]);
        }

        return ([new NativeSegment((nint)_memory, length)], checksums);
    }
}
