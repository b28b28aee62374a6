using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Client;

/// <summary>
/// Layer 3 of the read path: turns reads of file ranges into few large ranged reads of a source, fetches ahead of readers that go
/// through a file in order, and serves bytes as they arrive. Any thread may call it. It knows nothing of the kernel, of
/// directories, or of what lies behind its source. All payload is native memory charged to the pool's budget.
/// </summary>
public sealed class FileReader : IFileReader, IDisposable
{
    private const int ShardCount = 16;

    // Consumed parts serve only a repeated request; an eighth of the budget, and never much, is enough for that.
    private const long MaxConsumedBytes = 32 << 20;

    // Two seconds without any file in use, at the usual period.
    private const int IdleSweepsToTrim = 4;

    // Longer than the pause between two requests of any reader that is at work.
    private static readonly TimeSpan s_staleAfter = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan s_usualSweepPeriod = TimeSpan.FromMilliseconds(500);

    private readonly ReaderShard[] _shards = new ReaderShard[ShardCount];
    private readonly ConcurrentDictionary<IUnderStore, FetchQueue> _queues = new(ReferenceEqualityComparer.Instance);
    private readonly CancellationTokenSource _disposed = new();
    private readonly ITimer _timer;
    private readonly long _timeoutTicks;
    private readonly long _aheadLimitBytes;
    private long _roughNow;
    private int _streams;
    private int _isSweeping;
    private int _idleSweeps;
    private int _nextShard;

    public FileReader(IRangeSource source, BlockPool pool, ReaderOptions options, ILogger<FileReader> logger, TimeProvider timeProvider)
    {
        options.Validate();
        Source = source;
        Pool = pool;
        Options = options;
        Logger = logger;
        Time = timeProvider;
        Failures = new FailureLog(logger, timeProvider);
        _timeoutTicks = Ticks(options.ReadTimeout);
        _roughNow = Now();

        // The last quarter of the budget is for readers who wait.
        long limit = pool.Budget.LimitBytes;
        _aheadLimitBytes = limit - (limit / 4);
        for (int i = 0; i < _shards.Length; i++)
        {
            _shards[i] = new ReaderShard(this, options.MaxFiles / ShardCount, Math.Min(MaxConsumedBytes, limit / 8) / ShardCount);
        }

        pool.Budget.Pressure += OnPressure;
        TimeSpan period = options.ReadTimeout / 4 < s_usualSweepPeriod ? options.ReadTimeout / 4 : s_usualSweepPeriod;
        _timer = timeProvider.CreateTimer(static state => ((FileReader)state!).Sweep(), this, period, period);
    }

    internal IRangeSource Source { get; }

    internal BlockPool Pool { get; }

    internal ReaderOptions Options { get; }

    internal ILogger Logger { get; }

    internal TimeProvider Time { get; }

    internal FailureLog Failures { get; }

    internal CancellationToken Disposed => _disposed.Token;

    internal bool IsDisposed => _disposed.IsCancellationRequested;

    /// <summary>The time of the last sweep: good enough to tell seconds apart, and free on the hot path.</summary>
    internal long RoughNow => Volatile.Read(ref _roughNow);

    /// <summary>Memory that one stream may fetch ahead into, when all streams get the same.</summary>
    internal long StreamShareBytes => _aheadLimitBytes / Math.Max(1, Volatile.Read(ref _streams));

    /// <summary>What was done so far and is held now.</summary>
    public ReaderCounters Counters
    {
        get
        {
            ReaderCounters counters = new() { BudgetUsedBytes = Pool.Budget.UsedBytes, BudgetLimitBytes = Pool.Budget.LimitBytes };
            foreach (ReaderShard shard in _shards)
            {
                shard.AddTo(ref counters);
            }

            foreach (FetchQueue queue in _queues.Values)
            {
                counters = counters with { ActiveFetches = counters.ActiveFetches + queue.Active, QueuedFetches = counters.QueuedFetches + queue.Queued };
            }

            return counters;
        }
    }

    /// <inheritdoc/>
    public bool TryRead(ulong inode, long offset, int count, out ReadLease lease)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return ShardOf(inode).TryRead(inode, offset, count, out lease!);
    }

    /// <inheritdoc/>
    /// <param name="count">At most <see cref="BlockPool.MaxBlockBytes"/>, so that a read fits into one block even when memory is short.</param>
    /// <exception cref="OperationCanceledException">The token ended.</exception>
    public ValueTask<ReadLease> ReadAsync(FileVersion file, long offset, int count, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, BlockPool.MaxBlockBytes);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReadLease>(cancellationToken);
        }

        long left = file.Object.Size - offset;
        if (left <= 0 || count == 0)
        {
            return ValueTask.FromResult<ReadLease>(EmptyLease.Instance);
        }

        try
        {
            return ShardOf(file.Inode).ReadAsync(file, offset, (int)Math.Min(count, left), cancellationToken);
        }
        catch (CacheException e)
        {
            return ValueTask.FromException<ReadLease>(e);
        }
    }

    /// <inheritdoc/>
    public void Close(ulong inode) => ShardOf(inode).Close(inode);

    /// <summary>Ends all reads and fetches. Leases stay good until they are disposed; memory of fetches goes back when the source returns.</summary>
    public void Dispose()
    {
        if (IsDisposed)
        {
            return;
        }

        Pool.Budget.Pressure -= OnPressure;
        _timer.Dispose();
        _disposed.Cancel();
        foreach (ReaderShard shard in _shards)
        {
            shard.Dispose();
        }
    }

    internal FetchQueue QueueOf(FileVersion file) =>
        _queues.GetOrAdd(file.Store, static (_, state) => new FetchQueue(() => state.Source.SuggestedParallelism(state.File), state.Time), (Source, File: file, Time));

    internal long Now() => Time.GetTimestamp();

    internal long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Time.TimestampFrequency);

    internal long DeadlineOf(long started) => started + _timeoutTicks;

    internal TimeSpan Remaining(long started)
    {
        TimeSpan left = Options.ReadTimeout - Time.GetElapsedTime(started);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    internal bool IsOlder(long since, long now, TimeSpan age) => Time.GetElapsedTime(since, now) >= age;

    internal void AddStreams(int count) => Interlocked.Add(ref _streams, count);

    /// <summary>Memory for bytes that nobody waits for yet: only what is free, and never the last quarter.</summary>
    internal PartMemory? TryRentAhead(int bytes) => AheadShortage(bytes) > 0 ? null : PartMemory.TryRent(Pool, bytes);

    /// <summary>By how many bytes the budget is too full for <see cref="TryRentAhead"/>.</summary>
    internal long AheadShortage(int bytes) => Math.Max(0, Pool.Budget.UsedBytes - Pool.IdleBytes + bytes - _aheadLimitBytes);

    internal CacheException Gone() => new(CacheError.Interrupted, "The file system is being unmounted.");

    /// <summary>The fault of a read past its deadline. Logs it, from another thread: the caller may hold a shard's lock.</summary>
    internal CacheException DeadlineExceeded(FileVersion file, long offset, int count, string? reason, Exception? cause = null)
    {
        string because = reason is null ? "the store did not answer in time" : reason.TrimEnd('.');
        CacheException failure = new(
            CacheError.DeadlineExceeded,
            $"Reading {count} bytes at {offset} of {file.DisplayUri} took longer than {Duration.Format(Options.ReadTimeout)}: {because}.",
            cause);
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.Failures.Add(state.file, state.failure), (Failures, file, failure), preferLocal: false);
        return failure;
    }

    /// <summary>Gives parts back that nobody reads while others wait for memory.</summary>
    internal void ReclaimForWaiters()
    {
        long waiting = Pool.Budget.WaitingBytes;
        if (waiting > 0)
        {
            Reclaim(waiting, ReclaimDepth.Idle);
        }
    }

    /// <summary>Drops parts until about <paramref name="bytes"/> are or will be free. Must not be called under a shard's lock.</summary>
    internal void Reclaim(long bytes, ReclaimDepth depth)
    {
        if (bytes <= 0)
        {
            return;
        }

        int start = Interlocked.Increment(ref _nextShard);
        for (int i = 0; i < ShardCount && bytes > 0; i++)
        {
            bytes -= _shards[(start + i) & (ShardCount - 1)].DropConsumed(bytes);
        }

        if (depth >= ReclaimDepth.Stale)
        {
            bytes = ReclaimIdle(bytes, depth == ReclaimDepth.Stale ? RoughNow - Ticks(s_staleAfter) : long.MaxValue - 1);
        }

        if (depth >= ReclaimDepth.UnderWay)
        {
            for (int i = 0; i < ShardCount && bytes > 0; i++)
            {
                bytes -= _shards[(start + i) & (ShardCount - 1)].DropUnderWay(bytes);
            }
        }
    }

    private long ReclaimIdle(long bytes, long before)
    {
        while (bytes > 0)
        {
            ReaderShard oldest = _shards[0];
            foreach (ReaderShard shard in _shards)
            {
                if (shard.IdleSince < oldest.IdleSince)
                {
                    oldest = shard;
                }
            }

            long since = oldest.IdleSince;
            if (since > before)
            {
                break;
            }

            // As far as this shard's parts are of the same time; then look again.
            bytes -= oldest.DropIdle(bytes, since);
        }

        return bytes;
    }

    private void OnPressure(long bytes) => Reclaim(bytes, ReclaimDepth.UnderWay);

    private ReaderShard ShardOf(ulong inode)
    {
        // Inode numbers are often consecutive; Fibonacci hashing spreads them whatever their step.
        return _shards[(int)((inode * 0x9E37_79B9_7F4A_7C15) >> 60)];
    }

    private void Sweep()
    {
        // A timer may fire while its last call still runs.
        if (Interlocked.Exchange(ref _isSweeping, 1) != 0)
        {
            return;
        }

        try
        {
            long now = Now();
            Volatile.Write(ref _roughNow, now);
            bool isIdle = true;
            foreach (ReaderShard shard in _shards)
            {
                isIdle &= shard.Sweep(now);
            }

            // Blocks kept for reuse make reading cheap; a mount that nobody reads should be small.
            _idleSweeps = isIdle ? _idleSweeps + 1 : 0;
            if (_idleSweeps >= IdleSweepsToTrim && Pool.IdleBytes > 0)
            {
                Pool.Trim();
            }

            // Readahead under way when they began to wait, and served readers since then, may be given up by now.
            if (Pool.Budget.WaitingBytes > 0)
            {
                Reclaim(Pool.Budget.WaitingBytes, ReclaimDepth.UnderWay);
            }
        }
        catch (Exception e) // It would end the process, and the next sweep may well succeed.
        {
            ReaderLog.HousekeepingCrashed(Logger, e);
        }
        finally
        {
            Volatile.Write(ref _isSweeping, 0);
        }
    }
}
