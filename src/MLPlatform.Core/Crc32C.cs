using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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

    private static uint AppendX64(uint crc, ReadOnlySpan<byte> bytes)
    {
        ulong state = crc;
        ref byte p = ref MemoryMarshal.GetReference(bytes);
        int i = 0;
        for (; i <= bytes.Length - 8; i += 8)
        {
            state = Sse42.X64.Crc32(state, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref p, i)));
        }

        crc = (uint)state;
        for (; i < bytes.Length; i++)
        {
            crc = Sse42.Crc32(crc, Unsafe.Add(ref p, i));
        }

        return crc;
    }

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
