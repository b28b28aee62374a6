using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>
/// A <see cref="BlockPool"/> for tests that remembers who rented what. A second return and a use after return throw with both
/// stacks; a write into a block after its return and leases never returned fail in <see cref="Verify"/>, which disposing
/// calls. Fresh blocks hold junk, so that nobody relies on zeros. Any thread may use it.
/// </summary>
public sealed class TrackedBlockPool(MemoryBudget budget) : BlockPool(budget)
{
    private const byte Fresh = 0xA5;
    private const byte Returned = 0xDB;

    private readonly ConditionalWeakTable<BlockLease, Rental> _rentals = [];
    private readonly ConcurrentDictionary<Rental, int> _live = new();
    private readonly ConcurrentDictionary<nint, Rental> _poisoned = new();
    private readonly ConcurrentQueue<string> _failures = new();

    /// <summary>A pool with a budget of its own.</summary>
    public TrackedBlockPool(long budgetBytes = 256 << 20)
        : this(new MemoryBudget(budgetBytes))
    {
    }

    /// <summary>Leases that somebody holds now.</summary>
    public int LiveLeases => _live.Count;

    /// <summary>Fails, with the renting stacks, when a lease is held now or a lease was misused since the pool was made.</summary>
    public void Verify()
    {
        StringBuilder report = new();
        foreach (string failure in _failures)
        {
            report.AppendLine(failure);
        }

        foreach ((Rental rental, int bytes) in _live)
        {
            report.Append("A lease of ").Append(bytes).AppendLine(" bytes was never returned.").Append(rental.ToString());
        }

        if (report.Length > 0)
        {
            throw new InvalidOperationException(report.ToString());
        }
    }

    protected override BlockLease Lease(nint address, int length, int capacity)
    {
        Inspect(address, capacity);
        BytesAt(address, capacity).Fill(Fresh);
        BlockLease lease = base.Lease(address, length, capacity);
        Rental rental = new(new StackTrace(1, fNeedFileInfo: true));
        _rentals.Add(lease, rental);
        _live[rental] = length;
        return lease;
    }

    protected override void Return(BlockLease lease, nint address, int capacity)
    {
        if (_rentals.TryGetValue(lease, out Rental? rental))
        {
            rental.ReturnedAt = new StackTrace(1, fNeedFileInfo: true);
            _live.TryRemove(rental, out _);
            BytesAt(address, capacity).Fill(Returned);
            _poisoned[address] = rental;
        }

        base.Return(lease, address, capacity);
    }

    protected override string HistoryOf(BlockLease lease)
    {
        string history = _rentals.TryGetValue(lease, out Rental? rental) ? "\n" + rental : "";

        // Whoever catches everything would hide the exception; Verify does not forget.
        _failures.Enqueue($"A lease was returned twice or used after its return, here:\n{new StackTrace(1, fNeedFileInfo: true)}{history}");
        return history;
    }

    protected override void Free(nint address, int capacity)
    {
        Inspect(address, capacity);
        base.Free(address, capacity);
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
        {
            Verify();
        }
    }

    private static unsafe Span<byte> BytesAt(nint address, int capacity) => new((void*)address, capacity);

    /// <summary>Looks whether an idle block still holds what <see cref="Return"/> left in it.</summary>
    private void Inspect(nint address, int capacity)
    {
        if (_poisoned.TryRemove(address, out Rental? rental) && BytesAt(address, capacity).IndexOfAnyExcept(Returned) is int at and >= 0)
        {
            _failures.Enqueue($"Somebody wrote into a block of {capacity} bytes at offset {at} after its return.\n{rental}");
        }
    }

    /// <summary>One lease's life.</summary>
    private sealed class Rental(StackTrace rentedAt)
    {
        public StackTrace? ReturnedAt { get; set; }

        public override string ToString() =>
            ReturnedAt is null ? $"Rented:\n{rentedAt}" : $"Rented:\n{rentedAt}Returned:\n{ReturnedAt}";
    }
}
