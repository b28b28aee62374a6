using CsCheck;
using MLPlatform.CacheWorker;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.CacheWorker;

/// <summary>Whatever pieces a store delivers in, the sink keeps the whole units of the range, with their checksums, where the reader has them.</summary>
public sealed unsafe class FillSinkProperties
{
    [Fact]
    public void Payload_AnyRangeInAnyPieces_IsTheWholeUnitsOfIt() =>
        Gen.Select(Gen.Int[1, 5 * CacheUnits.UnitBytes], Gen.Int[0, 5 * CacheUnits.UnitBytes], Gen.Int[1, 5 * CacheUnits.UnitBytes], Gen.Int[1, 100_000].Array[1, 8])
            .Sample((size, start, length, pieces) =>
            {
                int offset = start % size;
                int count = Math.Min(length, size - offset);
                byte[] file = new byte[size];
                new Random(size).NextBytes(file);
                using MemoryBudgetOwner memory = new(count);
                Target target = new(memory.Lease.Memory[..count], pieces[0]);
                using FillSink fill = new(target, offset, count, size);
                int done = 0;
                for (int i = 0; done < count; i++)
                {
                    Memory<byte> buffer = fill.NextBuffer;
                    int piece = Math.Min(buffer.Length, Math.Min(count - done, pieces[i % pieces.Length]));
                    file.AsMemory(offset + done, piece).CopyTo(buffer);
                    fill.Advance(piece);
                    done += piece;
                }

                long first = CacheUnits.UnitsOf(offset);
                long last = offset + count == size ? CacheUnits.UnitsOf(size) : (offset + count) / CacheUnits.UnitBytes;
                Assert.True(file.AsSpan(offset, count).SequenceEqual(memory.Lease.Memory.Span[..count]));
                Assert.Equal(Math.Max(0, last - first), fill.WholeUnits);
                if (fill.WholeUnits == 0)
                {
                    return;
                }

                Assert.Equal(first, fill.FirstUnit);
                int from = (int)first * CacheUnits.UnitBytes;
                int to = (int)Math.Min(size, last * CacheUnits.UnitBytes);
                List<byte> kept = [];
                foreach (NativeSegment segment in fill.Payload(0, fill.WholeUnits))
                {
                    kept.AddRange(new ReadOnlySpan<byte>((void*)segment.Address, (int)segment.Length));
                }

                Assert.Equal(file[from..to], kept);
                for (int unit = 0; unit < fill.WholeUnits; unit++)
                {
                    int at = from + (unit * CacheUnits.UnitBytes);
                    Assert.Equal(Crc32C.Of(file.AsSpan(at, Math.Min(CacheUnits.UnitBytes, size - at))), fill.Checksums.Span[unit]);
                }
            });

    private sealed class MemoryBudgetOwner : IDisposable
    {
        private readonly BlockPool _pool = new(new MemoryBudget(64 << 20));

        public MemoryBudgetOwner(int bytes) => Lease = _pool.TryRent(bytes)!;

        public BlockLease Lease { get; }

        public void Dispose()
        {
            Lease.Dispose();
            _pool.Dispose();
        }
    }

    /// <summary>A reader's memory that hands out buffers of limited length.</summary>
    private sealed class Target(Memory<byte> memory, int most) : IReadSink
    {
        private int _written;

        public Memory<byte> NextBuffer => memory.Slice(_written, Math.Min(most, memory.Length - _written));

        public void Advance(int count) => _written += count;
    }
}
