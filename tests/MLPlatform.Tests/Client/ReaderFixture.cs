using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Client;

/// <summary>A reader over a <see cref="MemoryStore"/> with a clock of its own. Its end fails the test when memory or a lease is left.</summary>
internal sealed class ReaderFixture : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly CountingPool _pool;

    public ReaderFixture(MemoryStore store, long budget = 512 << 20, ReaderOptions? options = null, IRangeSource? source = null)
    {
        Store = store;
        _pool = new CountingPool(new MemoryBudget(budget));
        Reader = new FileReader(source ?? new UnderStoreSource(), _pool, options ?? new ReaderOptions(), Log, Clock);
    }

    public MemoryStore Store { get; }

    public FileReader Reader { get; }

    public FakeTimeProvider Clock { get; } = new();

    public RecordingLogger Log { get; } = new();

    public MemoryBudget Budget => _pool.Budget;

    public async Task<ReadLease> ReadAsync(FileVersion file, long offset, int count, CancellationToken cancellationToken = default)
    {
        if (Reader.TryRead(file.Inode, offset, count, out ReadLease lease))
        {
            return lease;
        }

        return await Reader.ReadAsync(file, offset, count, cancellationToken).AsTask().WaitAsync(Patience, CancellationToken.None);
    }

    /// <summary>Reads, compares and lets go.</summary>
    public async Task CheckAsync(FileVersion file, long offset, int count)
    {
        using ReadLease lease = await ReadAsync(file, offset, count);
        Assert.Equal(Math.Clamp(file.Object.Size - offset, 0, count), lease.Length);
        Content.Check(file.Inode, offset, lease);
    }

    /// <summary>Returns when no fetch is queued or under way.</summary>
    public async Task QuietAsync()
    {
        using CancellationTokenSource patience = new(Patience);
        while (Reader.Counters is not { ActiveFetches: 0, QueuedFetches: 0 })
        {
            await Task.Delay(1, patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Reader.Dispose();
        await _pool.AllReturned.WaitAsync(Patience);
        _pool.Dispose();
        Assert.Equal(0, _pool.Budget.UsedBytes);
        Assert.Equal(0, _pool.Budget.WaitingBytes);
        Assert.False(Store.HasOverlap, "a byte was fetched twice at the same time");
    }

    internal sealed class RecordingLogger : ILogger<FileReader>
    {
        private readonly List<string> _lines = [];

        public string[] Lines
        {
            get
            {
                lock (_lines)
                {
                    return [.. _lines];
                }
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
            {
                _lines.Add($"{logLevel}: {formatter(state, exception)} {exception}");
            }
        }
    }

    /// <summary>Knows when the last block is back.</summary>
    private sealed class CountingPool(MemoryBudget budget) : BlockPool(budget)
    {
        private readonly Lock _lock = new();
        private readonly TaskCompletionSource _allReturned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _rented;
        private bool _isWatched;

        public Task AllReturned
        {
            get
            {
                lock (_lock)
                {
                    _isWatched = true;
                    if (_rented == 0)
                    {
                        _allReturned.TrySetResult();
                    }
                }

                return _allReturned.Task;
            }
        }

        protected override BlockLease Lease(nint address, int length, int capacity)
        {
            lock (_lock)
            {
                _rented++;
            }

            return base.Lease(address, length, capacity);
        }

        protected internal override void Return(BlockLease lease, nint address, int capacity)
        {
            base.Return(lease, address, capacity);
            lock (_lock)
            {
                _rented--;
                if (_isWatched && _rented == 0)
                {
                    _allReturned.TrySetResult();
                }
            }
        }
    }
}
