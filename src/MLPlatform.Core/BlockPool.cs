using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;

namespace MLPlatform.Core;

/// <summary>
/// Native, page-aligned memory for payload in power-of-two classes from 4 KiB to 16 MiB, charged to a <see cref="MemoryBudget"/>.
/// Any thread may call it. Free blocks are kept for reuse and stay charged until <see cref="Trim"/> or pressure on the budget.
/// </summary>
public class BlockPool : IDisposable
{
    public const int MinBlockBytes = 4096;
    public const int MaxBlockBytes = 16 << 20;

    private static readonly int s_classes = BitOperations.Log2(MaxBlockBytes / MinBlockBytes) + 1;

    private readonly ConcurrentBag<nint>[] _free;
    private long _idleBytes;
    private int _disposed;

    public BlockPool(MemoryBudget budget)
    {
        Budget = budget;
        _free = new ConcurrentBag<nint>[s_classes];
        for (int i = 0; i < _free.Length; i++)
        {
            _free[i] = [];
        }

        budget.Pressure += OnPressure;
    }

    public MemoryBudget Budget { get; }

    /// <summary>Bytes charged to the budget that no lease holds.</summary>
    public long IdleBytes => Interlocked.Read(ref _idleBytes);

    /// <summary>Rents at least <paramref name="bytes"/>; the lease's length is exactly <paramref name="bytes"/>.</summary>
    /// <returns>Null when the budget is full now.</returns>
    public BlockLease? TryRent(int bytes)
    {
        int size = ClassBytes(bytes);
        if (TryTakeIdle(size, out nint address))
        {
            return Lease(address, bytes, size);
        }

        if (!Budget.TryCharge(size))
        {
            // Idle blocks of other sizes count against the budget too.
            if (IdleBytes == 0)
            {
                return null;
            }

            Trim(size);
            if (!Budget.TryCharge(size))
            {
                return null;
            }
        }

        return Lease(Allocate(size), bytes, size);
    }

    /// <summary>Rents at least <paramref name="bytes"/>, waiting for the budget in order.</summary>
    public async ValueTask<BlockLease> RentAsync(int bytes, CancellationToken cancellationToken)
    {
        if (TryRent(bytes) is { } lease)
        {
            return lease;
        }

        int size = ClassBytes(bytes);
        await Budget.ChargeAsync(size, cancellationToken);
        return Lease(Allocate(size), bytes, size);
    }

    /// <summary>Frees idle blocks until at least <paramref name="bytes"/> went back to the budget or none is left.</summary>
    public void Trim(long bytes = long.MaxValue)
    {
        for (int i = _free.Length - 1; i >= 0 && bytes > 0; i--)
        {
            int size = MinBlockBytes << i;
            while (bytes > 0 && TryTakeIdle(size, out nint address))
            {
                Free(address, size);
                Budget.Return(size);
                bytes -= size;
            }
        }
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Budget.Pressure -= OnPressure;
            Trim();
        }
    }

    /// <summary>Called once per rented block; a tracking pool overrides it.</summary>
    protected virtual BlockLease Lease(nint address, int length, int capacity) => new(this, address, length, capacity);

    /// <summary>Called once per returned block.</summary>
    protected internal virtual void Return(BlockLease lease, nint address, int capacity)
    {
        // A waiter needs the budget, not an idle block of some other size.
        if (Volatile.Read(ref _disposed) != 0 || Budget.WaitingBytes > 0 || Budget.UsedBytes > Budget.LimitBytes - (Budget.LimitBytes / 8))
        {
            Free(address, capacity);
            Budget.Return(capacity);
            return;
        }

        Interlocked.Add(ref _idleBytes, capacity);
        _free[ClassIndex(capacity)].Add(address);

        // Somebody may have queued, or disposed the pool, since the looks above, and found this block not idle yet; the fence pairs with
        // the one in MemoryBudget and with the exchange in Dispose.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _disposed) != 0)
        {
            Trim();
        }
        else if (Budget.WaitingBytes > 0)
        {
            Trim(Budget.WaitingBytes);
        }
    }

    /// <summary>Called when a lease was misused: what a tracking pool knows about it, to end the message with.</summary>
    protected internal virtual string HistoryOf(BlockLease lease) => "";

    /// <summary>Gives a block back to the system. A tracking pool looks at it a last time.</summary>
    protected virtual unsafe void Free(nint address, int capacity) => NativeMemory.AlignedFree((void*)address);

    private static int ClassBytes(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, MaxBlockBytes);
        return (int)Math.Max(MinBlockBytes, BitOperations.RoundUpToPowerOf2((uint)bytes));
    }

    private static int ClassIndex(int size) => BitOperations.Log2((uint)(size / MinBlockBytes));

    private static unsafe nint Allocate(int size) => (nint)NativeMemory.AlignedAlloc((nuint)size, MinBlockBytes);

    private bool TryTakeIdle(int size, out nint address)
    {
        if (!_free[ClassIndex(size)].TryTake(out address))
        {
            return false;
        }

        Interlocked.Add(ref _idleBytes, -size);
        return true;
    }

    private void OnPressure(long bytes) => Trim(bytes);
}
