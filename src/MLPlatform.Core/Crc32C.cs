using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace MLPlatform.Core;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4): reflected polynomial 0x82F63B78, initial value and final xor all ones. Any thread may call it.</summary>
public static class Crc32C
{
    private const uint Polynomial = 0x82F63B78;

    private static readonly uint[] s_table = MakeTable();

    public static uint Of(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <param name="crc">Of the bytes before these; 0 at the beginning.</param>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        if (Sse42.X64.IsSupported)
        {
            return ~AppendX64(~crc, bytes);
        }

        return Crc32.Arm64.IsSupported ? ~AppendArm(~crc, bytes) : ~AppendTable(~crc, bytes);
    }

    /// <summary>The way without instructions for it; the same result, and what tests compare with.</summary>
    internal static uint AppendPortable(uint crc, ReadOnlySpan<byte> bytes) => ~AppendTable(~crc, bytes);

    // The instruction takes three cycles, and one can begin in each cycle: so three lanes side by side, put together by multiplication with
    // x^(8 * bytes) mod P. A lane's bytes are few enough for the ends of short buffers and many enough for the multiplications not to count.
    private static uint AppendX64(uint crc, ReadOnlySpan<byte> bytes)
    {
        ref byte p = ref MemoryMarshal.GetReference(bytes);
        nint length = bytes.Length;
        nint i = 0;
        if (Pclmulqdq.IsSupported)
        {
            crc = AppendLanes(crc, ref p, length, ref i, 8192, 0x54a86326, 0x1dc403cc);
            crc = AppendLanes(crc, ref p, length, ref i, 1024, 0x170076fa, 0xa51b6135);
            crc = AppendLanes(crc, ref p, length, ref i, 128, 0x0d3b6092, 0xb9e02b86);
        }

        ulong state = crc;
        for (; i <= length - 8; i += 8)
        {
            state = Sse42.X64.Crc32(state, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref p, i)));
        }

        crc = (uint)state;
        for (; i < length; i++)
        {
            crc = Sse42.Crc32(crc, Unsafe.Add(ref p, i));
        }

        return crc;
    }

    /// <summary>Takes as many triples of lanes as there are, beginning at <paramref name="start"/>, which it moves.</summary>
    /// <param name="byOne">x^(8 * laneBytes - 33) mod P, bits reflected: a carry-less product of two reflected numbers lacks one factor x, and the instruction brings x^32.</param>
    /// <param name="byTwo">The same for two lanes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint AppendLanes(uint crc, ref byte p, nint length, ref nint start, [ConstantExpected] int laneBytes, [ConstantExpected] uint byOne, [ConstantExpected] uint byTwo)
    {
        while (length - start >= 3 * laneBytes)
        {
            ulong a = crc;
            ulong b = 0;
            ulong c = 0;
            for (nint i = start; i < start + laneBytes; i += 8)
            {
                ref byte at = ref Unsafe.Add(ref p, i);
                a = Sse42.X64.Crc32(a, Unsafe.ReadUnaligned<ulong>(ref at));
                b = Sse42.X64.Crc32(b, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, laneBytes)));
                c = Sse42.X64.Crc32(c, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, 2 * laneBytes)));
            }

            crc = Shift((uint)a, byTwo) ^ Shift((uint)b, byOne) ^ (uint)c;
            start += 3 * laneBytes;
        }

        return crc;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Shift(uint crc, uint factor) =>
        (uint)Sse42.X64.Crc32(0, Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar((ulong)crc), Vector128.CreateScalar((ulong)factor), 0).ToScalar());

    private static uint AppendArm(uint crc, ReadOnlySpan<byte> bytes)
    {
        int i = 0;
        for (; i <= bytes.Length - 8; i += 8)
        {
            crc = Crc32.Arm64.ComputeCrc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]));
        }

        for (; i < bytes.Length; i++)
        {
            crc = Crc32.ComputeCrc32C(crc, bytes[i]);
        }

        return crc;
    }

    private static uint AppendTable(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            crc = s_table[(byte)(crc ^ b)] ^ (crc >> 8);
        }

        return crc;
    }

    private static uint[] MakeTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint crc = i;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * Polynomial);
            }

            table[i] = crc;
        }

        return table;
    }
}
