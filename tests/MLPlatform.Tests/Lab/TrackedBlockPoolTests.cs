using System.Runtime.CompilerServices;
using MLPlatform.Core;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Lab;

public sealed class TrackedBlockPoolTests
{
    [Fact]
    public async Task Pool_OrderlyUse_IsClean()
    {
        using TrackedBlockPool pool = new(1 << 20);
        for (int i = 0; i < 3; i++)
        {
            using BlockLease lease = await pool.RentAsync(5000, CancellationToken.None);
            Assert.Equal(1, pool.LiveLeases);
            lease.GetSpan().Fill(7);
        }

        Assert.Equal(0, pool.LiveLeases);
        pool.Verify();
    }

    [Fact]
    public void Return_Twice_ThrowsWithTheRentingStack()
    {
        TrackedBlockPool pool = new();
        BlockLease lease = RentForThisTest(pool);
        lease.Dispose();
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(lease.Dispose);
        Assert.Contains(nameof(RentForThisTest), failure.Message);
        Assert.Contains(nameof(RentForThisTest), Assert.Throws<InvalidOperationException>(pool.Dispose).Message);
    }

    [Fact]
    public void Use_AfterReturn_ThrowsWithTheRentingStack()
    {
        TrackedBlockPool pool = new();
        BlockLease lease = RentForThisTest(pool);
        lease.Dispose();
        Assert.Contains(nameof(RentForThisTest), Assert.Throws<ObjectDisposedException>(() => lease.GetSpan().Clear()).Message);
        Assert.Throws<InvalidOperationException>(pool.Verify);
    }

    [Fact]
    public void Dispose_LeaseLeft_FailsWithTheRentingStack()
    {
        TrackedBlockPool pool = new();
        using BlockLease lease = RentForThisTest(pool);
        Assert.Contains(nameof(RentForThisTest), Assert.Throws<InvalidOperationException>(pool.Dispose).Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public unsafe void Write_AfterReturn_IsFoundWhenTheBlockIsUsedAgainOrFreed(bool usedAgain)
    {
        TrackedBlockPool pool = new();
        BlockLease lease = RentForThisTest(pool);
        byte* address = (byte*)lease.Address;
        lease.Dispose();
        address[100] = 1; // As a system call would that was given the address and is still under way.
        if (usedAgain)
        {
            RentForThisTest(pool).Dispose();
        }
        else
        {
            pool.Trim();
        }

        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(pool.Verify);
        Assert.Contains("offset 100", failure.Message);
        Assert.Contains(nameof(RentForThisTest), failure.Message);
    }

    [Fact]
    public async Task Gate_FileLeftOpen_Fails()
    {
        string path = Path.GetTempFileName();
        LeakGate gate = LeakGate.Open(target => target == path);
        FileStream left = File.OpenRead(path);
        InvalidOperationException failure = await Assert.ThrowsAsync<InvalidOperationException>(() => gate.DisposeAsync(TimeSpan.Zero).AsTask());
        Assert.Contains(path, failure.Message);
        await left.DisposeAsync();
        await gate.DisposeAsync();
        File.Delete(path);
    }

    [Fact]
    public async Task Gate_LeaseLeft_Fails()
    {
        using TrackedBlockPool pool = new();
        LeakGate gate = LeakGate.Open(_ => false).Watch(pool);
        using (pool.TryRent(4096))
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => gate.DisposeAsync(TimeSpan.Zero).AsTask());
        }

        await gate.DisposeAsync();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static BlockLease RentForThisTest(TrackedBlockPool pool) => pool.TryRent(4096)!;
}
