using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using MLPlatform.Core;

namespace MLPlatform.Bench;

/// <summary>CRC-32C in GB/s by length, in cache, and beside a copy of the same bytes.</summary>
internal static unsafe class ChecksumBench
{
    private const int UnitBytes = 64 << 10;

    public static Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        long total = options.Size("bytes", "4GiB");
        Console.WriteLine("| what | GB/s |\n|---|---|");
        byte* source = (byte*)NativeMemory.AlignedAlloc(UnitBytes, 64);
        byte* destination = (byte*)NativeMemory.AlignedAlloc(UnitBytes, 64);
        new Random(1).NextBytes(new Span<byte>(source, UnitBytes));
        uint crc = 0;
        foreach (int length in (int[])[64, 512, 4096, 16_384, UnitBytes])
        {
            Print($"crc of {length}", total, length, () => crc = Crc32C.Append(crc, new ReadOnlySpan<byte>(source, length)));
        }

        Print($"copy of {UnitBytes}", total, UnitBytes, () => Buffer.MemoryCopy(source, destination, UnitBytes, UnitBytes));
        Print($"copy, then crc of {UnitBytes}", total, UnitBytes, () =>
        {
            Buffer.MemoryCopy(source, destination, UnitBytes, UnitBytes);
            crc = Crc32C.Append(crc, new ReadOnlySpan<byte>(destination, UnitBytes));
        });
        NativeMemory.AlignedFree(source);
        NativeMemory.AlignedFree(destination);

        // Memory that no cache holds.
        const int Large = 512 << 20;
        byte* large = (byte*)NativeMemory.Alloc(Large);
        new Span<byte>(large, Large).Fill(1);
        long offset = 0;
        Print("crc from memory", total, UnitBytes, () =>
        {
            crc = Crc32C.Append(crc, new ReadOnlySpan<byte>(large + offset, UnitBytes));
            offset = (offset + UnitBytes) % Large;
        });
        NativeMemory.Free(large);
        Console.WriteLine($"\n({crc:x8})");
        return Task.FromResult(0);
    }

    private static void Print(string what, long total, int length, Action action)
    {
        double best = double.MaxValue;
        long rounds = Math.Max(1, total / 5 / length);
        for (int run = 0; run < 5; run++)
        {
            Stopwatch clock = Stopwatch.StartNew();
            for (long i = 0; i < rounds; i++)
            {
                action();
            }

            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {rounds * length / best / 1e9:0.0} |"));
    }
}
