using System.Runtime.InteropServices;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>
/// Bytes that are a function of (seed, key, offset), so that any range of any file can be made and checked without a copy
/// of it. All keys share one random pattern; each starts at a place of its own in it.
/// </summary>
public static unsafe class SyntheticContent
{
    // A prime: a block read at the wrong multiple of 4 KiB, 64 KiB or 4 MiB never looks right. About a megabyte stays in cache.
    private const int PeriodBytes = 1_048_573;

    // Runs of this length can be copied from any phase without wrapping.
    private const int MaxRunBytes = 1 << 20;

    private static readonly byte* s_pattern = MakePattern();

    /// <summary>Writes the bytes of <paramref name="key"/> from <paramref name="offset"/> on.</summary>
    public static void Fill(ulong seed, string key, long offset, Span<byte> destination) => Fill(PhaseOf(seed, key), offset, destination);

    /// <returns>Index into <paramref name="actual"/> of the first byte that is not what <see cref="Fill(ulong, string, long, Span{byte})"/> gives; -1 when all are.</returns>
    public static int FirstMismatch(ulong seed, string key, long offset, ReadOnlySpan<byte> actual)
    {
        long phase = PhaseOf(seed, key);
        int done = 0;
        while (done < actual.Length)
        {
            ReadOnlySpan<byte> run = RunAt(phase, offset + done);
            int count = Math.Min(run.Length, actual.Length - done);
            int same = actual.Slice(done, count).CommonPrefixLength(run[..count]);
            if (same < count)
            {
                return done + same;
            }

            done += count;
        }

        return -1;
    }

    /// <summary>Where a key's bytes start in the pattern; equal phases mean equal bytes.</summary>
    internal static long PhaseOf(ulong seed, string key)
    {
        ulong hash = 14695981039346656037UL ^ Mix(seed); // FNV-1a over UTF-8, then mixed.
        int length = Encoding.UTF8.GetMaxByteCount(key.Length);
        Span<byte> utf8 = length <= 1024 ? stackalloc byte[length] : new byte[length];
        foreach (byte b in utf8[..Encoding.UTF8.GetBytes(key, utf8)])
        {
            hash = (hash ^ b) * 1099511628211UL;
        }

        return (long)(Mix(hash) % PeriodBytes);
    }

    internal static void Fill(long phase, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<byte> run = RunAt(phase, offset);
            int count = Math.Min(run.Length, destination.Length);
            run[..count].CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }
    }

    /// <summary>SplitMix64's finalizer.</summary>
    internal static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15UL;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }

    private static ReadOnlySpan<byte> RunAt(long phase, long offset) =>
        new(s_pattern + ((phase + offset) % PeriodBytes), MaxRunBytes);

    private static byte* MakePattern()
    {
        byte* pattern = (byte*)NativeMemory.AlignedAlloc(PeriodBytes + MaxRunBytes, 4096);
        for (int i = 0; i < PeriodBytes; i++)
        {
            // Eight bytes per draw; the period is no multiple of eight, so they are stored one by one.
            pattern[i] = (byte)(Mix((ulong)i >> 3) >> ((i & 7) * 8));
        }

        for (int i = 0; i < MaxRunBytes; i++)
        {
            pattern[PeriodBytes + i] = pattern[i % PeriodBytes];
        }

        return pattern;
    }
}
