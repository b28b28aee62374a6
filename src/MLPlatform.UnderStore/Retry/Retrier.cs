using MLPlatform.Core;

namespace MLPlatform.UnderStore.Retry;

/// <summary>
/// Runs an operation until it succeeds, fails for good, or its caller's token ends: the one place where attempts are
/// counted. Any thread may call it.
/// </summary>
internal sealed class Retrier
{
    private readonly TimeProvider _time;
    private readonly RetryPolicy _policy;
    private readonly RetryBudget _budget;
    private readonly UnderStoreCounters _counters;

    public Retrier(TimeProvider time, RetryPolicy policy, RetryBudget budget, StoreGate gate, UnderStoreCounters counters)
    {
        _time = time;
        _policy = policy;
        _budget = budget;
        Gate = gate;
        _counters = counters;
    }

    public StoreGate Gate { get; }

    /// <param name="attempt">One try. Transient <see cref="CacheException"/>s are tried again; <see cref="RetryState.MadeProgress"/> tells that one got further.</param>
    /// <exception cref="OperationCanceledException">The token ended; the last failure, if there was one, is the inner exception.</exception>
    public async Task<TResult> RunAsync<TState, TResult>(TState state, Func<TState, CancellationToken, ValueTask<TResult>> attempt, CancellationToken cancellationToken)
        where TState : RetryState
    {
        int failures = 0;
        long failingSince = 0;
        CacheException? last = null;
        while (true)
        {
            bool entered = false;
            try
            {
                await Gate.EnterAsync(cancellationToken);
                entered = true;
                state.MadeProgress = false;
                try
                {
                    TResult result = await attempt(state, cancellationToken);
                    Gate.Succeeded();
                    _budget.Succeeded();
                    return result;
                }
                catch (CacheException e) when (e.IsTransient)
                {
                    _counters.AddError();
                    last = e;
                    Gate.Failed(e);
                }
                catch (CacheException)
                {
                    // A refusal is an answer: the store lives.
                    _counters.AddError();
                    Gate.Succeeded();
                    throw;
                }

                if (failures == 0 || state.MadeProgress)
                {
                    failures = 0;
                    failingSince = _time.GetTimestamp();
                }

                failures++;
                if (failures >= state.MaxFailures || state.Reports?.Invoke(last) == true || _time.GetElapsedTime(failingSince) >= _policy.MaxWithoutProgress)
                {
                    throw last;
                }

                // While degraded the place is kept during the wait, so that probes of all callers together keep their distance.
                if (!Gate.IsDegraded)
                {
                    entered = false;
                    Gate.Exit();
                }

                await WaitAsync(failures, cancellationToken);
                _counters.AddRetry();
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                CacheException? cause = last ?? Gate.Cause;
                throw new OperationCanceledException(cause?.Message ?? "The request was given up.", cause, cancellationToken);
            }
            finally
            {
                if (entered)
                {
                    Gate.Exit();
                }
            }
        }
    }

    private async ValueTask WaitAsync(int failures, CancellationToken cancellationToken)
    {
        TimeSpan turn = _budget.Take();
        TimeSpan delay = _policy.Delay(failures);
        try
        {
            await Task.Delay(turn > delay ? turn : delay, _time, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _budget.Return();
            throw;
        }
    }
}
