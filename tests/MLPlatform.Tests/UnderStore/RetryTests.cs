using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.Retry;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

public sealed class RetryTests
{
    private static readonly CacheException s_down = new(CacheError.Unreachable, "down");
    private static readonly CacheException s_slow = new(CacheError.Throttled, "slow down");

    private readonly FakeTimeProvider _time = new();
    private readonly JumpingTime _jumping = new();
    private readonly UnderStoreCounters _counters = new();

    [Fact]
    public void Delay_Failures_DoublesWithJitterUpToItsMaximum()
    {
        RetryPolicy policy = new(new Random(1));
        for (int failures = 1; failures <= 40; failures++)
        {
            double full = Math.Min(2, 0.05 * Math.Pow(2, failures - 1));
            Assert.InRange(policy.Delay(failures).TotalSeconds, full / 2, full);
        }

        Assert.NotEqual(policy.Delay(10), policy.Delay(10));
    }

    [Fact]
    public void Budget_Empty_DelaysByItsRate()
    {
        RetryBudget budget = new(_time, capacity: 3, perSecond: 2, perSuccess: 0.5);
        Assert.All(Enumerable.Range(0, 3), _ => Assert.Equal(TimeSpan.Zero, budget.Take()));
        Assert.Equal(TimeSpan.FromSeconds(0.5), budget.Take());
        Assert.Equal(TimeSpan.FromSeconds(1), budget.Take());
        budget.Return();
        budget.Succeeded();
        budget.Succeeded();
        Assert.Equal(TimeSpan.FromSeconds(0.5), budget.Take());
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.All(Enumerable.Range(0, 3), _ => Assert.Equal(TimeSpan.Zero, budget.Take()));
        Assert.NotEqual(TimeSpan.Zero, budget.Take());
    }

    [Fact]
    public async Task Gate_Throttled_HalvesOncePerBurstAndGrowsAgain()
    {
        StoreGate gate = new(_time, max: 16);
        gate.Failed(s_slow);
        gate.Failed(s_slow);
        Assert.Equal(8, gate.Limit);
        _time.Advance(TimeSpan.FromSeconds(1));
        gate.Failed(s_slow);
        Assert.Equal(4, gate.Limit);
        Assert.False(gate.IsDegraded);
        for (int i = 0; i < 5; i++)
        {
            gate.Succeeded();
        }

        Assert.Equal(5, gate.Limit);
        for (int i = 0; i < 1000; i++)
        {
            gate.Succeeded();
        }

        Assert.Equal(16, gate.Limit);
        await gate.EnterAsync(default);
    }

    [Fact]
    public async Task Gate_Degraded_AdmitsOneAndAllOnRecovery()
    {
        StoreGate gate = new(_time, max: 4);
        List<CacheException?> states = [];
        gate.StateChanged += states.Add;
        for (int i = 0; i < 7; i++)
        {
            gate.Failed(s_down);
        }

        Assert.True(gate.IsDegraded);
        Assert.Same(s_down, gate.Cause);
        await gate.EnterAsync(default);
        Task[] waiting = [.. Enumerable.Range(0, 3).Select(_ => gate.EnterAsync(default).AsTask())];
        Assert.All(waiting, static w => Assert.False(w.IsCompleted));
        Assert.Equal(3, gate.Waiting);
        gate.Succeeded();
        await Task.WhenAll(waiting).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Null(gate.Cause);
        Assert.Equal([s_down, null], states);
    }

    [Fact]
    public async Task Gate_WaiterCancelled_LeavesTheQueue()
    {
        StoreGate gate = new(_time, max: 1);
        await gate.EnterAsync(default);
        using CancellationTokenSource cancel = new();
        Task first = gate.EnterAsync(cancel.Token).AsTask();
        Task second = gate.EnterAsync(default).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.Exit();
        await second.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, gate.Waiting);
    }

    [Fact]
    public async Task Run_TransientFailures_AreTriedAgainUntilSuccess()
    {
        Retrier retrier = Make();
        Attempts state = new(failures: 4, s_down);
        Assert.Equal(5, await retrier.RunAsync(state, Attempts.TryAsync, default));
        Assert.Equal((4, 4), (_counters.Errors, _counters.Retries));
    }

    [Fact]
    public async Task Run_Refusal_IsFinalAtOnce()
    {
        CacheException refusal = new(CacheError.AccessDenied, "no");
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => Make().RunAsync(new Attempts(1, refusal), Attempts.TryAsync, default));
        Assert.Same(refusal, e);
        Assert.Equal((1, 0), (_counters.Errors, _counters.Retries));
    }

    [Fact]
    public async Task Run_TokenEndsAfterFailures_TellsTheCause()
    {
        Retrier retrier = Make();
        using CancellationTokenSource cancel = new();
        Attempts state = new(int.MaxValue, s_down) { OnTry = n => n == 3 ? cancel.CancelAsync() : Task.CompletedTask };
        OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => retrier.RunAsync(state, Attempts.TryAsync, cancel.Token));
        Assert.Same(s_down, e.InnerException);
        Assert.Equal(cancel.Token, e.CancellationToken);
        Assert.Equal(0, retrier.Gate.Waiting);
        await retrier.Gate.EnterAsync(default); // No place was lost.
    }

    [Fact]
    public async Task Run_NoDeadline_EndsAfterFiveMinutesWithoutProgress()
    {
        Assert.Same(s_down, await Assert.ThrowsAsync<CacheException>(() => Make().RunAsync(new Attempts(int.MaxValue, s_down), Attempts.TryAsync, default)));
        Assert.InRange(_jumping.GetUtcNow() - _jumping.Start, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(6));
    }

    [Fact]
    public async Task Run_DegradedStore_IsProbedByOneOfManyAtATime()
    {
        Retrier retrier = Make(_time);
        int now = 0;
        int most = 0;
        bool up = false;
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        for (int i = 0; i < 5; i++)
        {
            retrier.Gate.Failed(s_down);
        }

        Task<int>[] all = [.. Enumerable.Range(0, 20).Select(_ => retrier.RunAsync(
            new Attempts(int.MaxValue, s_down)
            {
                OnTry = async _ =>
                {
                    most = Math.Max(most, Interlocked.Increment(ref now));
                    await Task.Yield();
                    Interlocked.Decrement(ref now);
                },
                IsUp = () => Volatile.Read(ref up),
            },
            Attempts.TryAsync,
            limit.Token))];
        DateTimeOffset from = _time.GetUtcNow();
        while (_time.GetUtcNow() - from < TimeSpan.FromSeconds(20))
        {
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Yield();
        }

        Assert.Equal(1, most);
        Volatile.Write(ref up, true);
        Task done = Task.WhenAll(all);
        while (!done.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Yield();
        }

        await done;
        Assert.False(retrier.Gate.IsDegraded);
    }

    private Retrier Make(TimeProvider? time = null) =>
        new(time ?? _jumping, new RetryPolicy(new Random(1)) { MaxWithoutProgress = time is null ? TimeSpan.FromMinutes(5) : TimeSpan.MaxValue }, new RetryBudget(time ?? _jumping), new StoreGate(time ?? _jumping, 8), _counters);

    private sealed class Attempts(int failures, CacheException fault) : RetryState
    {
        private int _count;

        public Func<int, Task> OnTry { get; init; } = static _ => Task.CompletedTask;

        public Func<bool> IsUp { get; init; } = static () => false;

        public static async ValueTask<int> TryAsync(Attempts self, CancellationToken cancellationToken)
        {
            int count = ++self._count;
            await self.OnTry(count);
            return count > self.Failures || self.IsUp() ? count : throw self.Fault;
        }

        private int Failures { get; } = failures;

        private CacheException Fault { get; } = fault;
    }
}
