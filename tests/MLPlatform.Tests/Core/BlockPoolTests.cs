using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Core;

public sealed class BlockPoolTests
{
    [Fact]
    public async Task RentAsync_OtherSizesReturnedWhileTheBudgetIsNotNearlyFull_GetsTheirMemory()
    {
        using BlockPool pool = new(new MemoryBudget(4 << 20));
        BlockLease big = pool.TryRent(2 << 20)!;
        BlockLease middle = pool.TryRent(1 << 20)!;
        Task<BlockLease> waiting = pool.RentAsync(2 << 20, CancellationToken.None).AsTask();
        Assert.Equal(2 << 20, pool.Budget.WaitingBytes);

        // Three quarters are in use: kept for reuse, this block would be lost to the waiter.
        middle.Dispose();

        (await waiting.WaitAsync(TimeSpan.FromSeconds(30))).Dispose();
        big.Dispose();
        Assert.Equal(0, pool.Budget.WaitingBytes);
        pool.Trim();
        Assert.Equal(0, pool.Budget.UsedBytes);
    }

    [Fact]
    public async Task RentAsync_IdleBlocksOfAnotherSize_AreTrimmedForIt()
    {
        using BlockPool pool = new(new MemoryBudget(4 << 20));
        BlockLease[] small = [.. Enumerable.Range(0, 3).Select(_ => pool.TryRent(1 << 20)!)];
        foreach (BlockLease lease in small)
        {
            lease.Dispose();
        }

        Assert.Equal(3 << 20, pool.IdleBytes);
        using BlockLease big = await pool.RentAsync(4 << 20, CancellationToken.None);
        Assert.Equal(0, pool.IdleBytes);
    }

    [Fact]
    public async Task RentAsync_WaiterCancelled_LeavesTheQueueToTheNext()
    {
        using BlockPool pool = new(new MemoryBudget(4 << 20));
        using BlockLease held = pool.TryRent(3 << 20 >> 1)!;
        using CancellationTokenSource cancel = new();
        Task<BlockLease> first = pool.RentAsync(4 << 20, cancel.Token).AsTask();
        Task<BlockLease> second = pool.RentAsync(1 << 20, CancellationToken.None).AsTask();
        Assert.False(second.IsCompleted);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        (await second.WaitAsync(TimeSpan.FromSeconds(30))).Dispose();
        Assert.Equal(0, pool.Budget.WaitingBytes);
    }
}
