using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MLPlatform.Client;
using Xunit;

namespace MLPlatform.Tests.Client;

/// <summary>Bytes of files of any size that need no memory: each is a function of a seed and its offset.</summary>
internal static class Content
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fill(ulong seed, long offset, Span<byte> destination)
    {
        Span<byte> word = stackalloc byte[8];
        while (!destination.IsEmpty)
        {
            if ((offset & 7) == 0 && destination.Length >= 8)
            {
                Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(destination);
                long index = offset >> 3;
                for (int i = 0; i < words.Length; i++)
                {
                    words[i] = WordAt(seed, index + i);
                }

                destination = destination[(words.Length * 8)..];
                offset += words.Length * 8L;
                continue;
            }

            BinaryPrimitives.WriteUInt64LittleEndian(word, WordAt(seed, offset >> 3));
            int skip = (int)(offset & 7);
            int count = Math.Min(8 - skip, destination.Length);
            word.Slice(skip, count).CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }
    }

    public static void Check(ulong seed, long offset, ReadLease lease)
    {
        byte[] expected = new byte[lease.Length];
        Fill(seed, offset, expected);
        Assert.True(expected.AsSpan().SequenceEqual(Bytes(lease)), $"wrong bytes at {offset} of file {seed}");
    }

    public static unsafe byte[] Bytes(ReadLease lease)
    {
        byte[] bytes = new byte[lease.Length];
        int position = 0;
        foreach (MLPlatform.Core.NativeSegment segment in lease.Segments)
        {
            new ReadOnlySpan<byte>((void*)segment.Address, (int)segment.Length).CopyTo(bytes.AsSpan(position));
            position += (int)segment.Length;
        }

        Assert.Equal(bytes.Length, position);
        return bytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong WordAt(ulong seed, long index)
    {
        ulong x = (seed * 0x9E37_79B9_7F4A_7C15) ^ (ulong)index;
        x = (x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9;
        return x ^ (x >> 27);
    }
}
