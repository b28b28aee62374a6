using System.Buffers;

namespace MLPlatform.Core;

/// <summary>
/// A rented block of native memory. Whoever holds it disposes it exactly once; a second dispose and any use after it throw.
/// Not thread-safe by itself: sharing needs a count of one's own.
/// </summary>
public sealed unsafe class BlockLease : MemoryManager<byte>
{
    private readonly BlockPool _pool;
    private nint _address;

    internal BlockLease(BlockPool pool, nint address, int length, int capacity)
    {
        _pool = pool;
        _address = address;
        Length = length;
        Capacity = capacity;
    }

    /// <summary>Bytes asked for.</summary>
    public int Length { get; }

    /// <summary>Bytes charged to the budget; at least <see cref="Length"/>.</summary>
    public int Capacity { get; }

    public nint Address
    {
        get
        {
            nint address = _address;
            return address != 0 ? address : throw new ObjectDisposedException(nameof(BlockLease), "A lease was used after its return." + _pool.HistoryOf(this));
        }
    }

    public void Dispose() => ((IDisposable)this).Dispose();

    public override Span<byte> GetSpan() => new((void*)Address, Length);

    public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)Address + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address == 0)
        {
            Invariant.That(false, "a lease is returned once." + _pool.HistoryOf(this));
        }

        _pool.Return(this, address, Capacity);
    }
}
