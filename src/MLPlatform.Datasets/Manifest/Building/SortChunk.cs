using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace MLPlatform.Datasets;

/// <summary>
/// A megabyte of records and, from its far end, their offsets. Small enough for a core's second cache, so that sorting it does not wait
/// for memory; the chunks of a buffer are merged on their way to disk. For one thread.
/// </summary>
internal sealed unsafe class SortChunk : RecordSource
{
    public const int CapacityBytes = 1 << 20;

    private readonly int _capacity;
    private byte* _memory;
    private int _used;
    private int _next;

    /// <param name="capacity">Less than <see cref="CapacityBytes"/> only in tests, and more than one record can be.</param>
    public SortChunk(int capacity)
    {
        _capacity = capacity & ~(sizeof(uint) - 1);
        _memory = (byte*)NativeMemory.Alloc((nuint)_capacity);
    }

    public int Count { get; private set; }

    private Span<uint> Offsets => new(_memory + _capacity - (Count * sizeof(uint)), Count);

    /// <returns>False when the chunk is full.</returns>
    public bool TryAppend(ReadOnlySpan<byte> key, ReadOnlySpan<byte> payload)
    {
        int length = SortRecord.HeaderBytes + key.Length + payload.Length;
        if (_used + length > _capacity - ((Count + 1) * sizeof(uint)))
        {
            return false;
        }

        var record = new Span<byte>(_memory + _used, length);
        BinaryPrimitives.WriteUInt16LittleEndian(record, checked((ushort)key.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(record[2..], checked((ushort)payload.Length));
        key.CopyTo(record[SortRecord.HeaderBytes..]);
        payload.CopyTo(record[(SortRecord.HeaderBytes + key.Length)..]);
        Count++;
        Offsets[0] = (uint)_used;
        _used += length;
        return true;
    }

    /// <summary>After this nothing is appended any more.</summary>
    public void Sort() => Offsets.Sort(new Comparer(_memory));

    public override bool MoveNext()
    {
        if (_next == Count)
        {
            return false;
        }

        Record = _memory + Offsets[_next++];
        return true;
    }

    public override void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
        Count = 0;
    }

    private readonly struct Comparer(byte* memory) : IComparer<uint>
    {
        public int Compare(uint left, uint right) => SortRecord.Compare(memory + left, memory + right);
    }
}
