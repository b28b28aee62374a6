using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Client;

/// <summary>A reader over a <see cref="MemoryStore"/> with a clock of its own. Its end fails the test when memory or a lease is left.</summary>
internal sealed class ReaderFixture : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TrackedBlockPool _pool;

    public ReaderFixture(MemoryStore store, long budget = 512 << 20, ReaderOptions? options = null, IRangeSource? source = null)
    {
        Store = store;
        _pool = new TrackedBlockPool(budget);
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

        try
        {
            return await Reader.ReadAsync(file, offset, count, cancellationToken).AsTask().WaitAsync(Patience, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"{count} bytes at {offset} of file {file.Inode} never came: {Reader.Counters}, {Budget.WaitingBytes} bytes waited for, store has {Store.Active} reads; log: {string.Join("; ", Log.Lines)}");
        }
    }

    /// <summary>Reads, compares and lets go.</summary>
    public async Task CheckAsync(FileVersion file, long offset, int count)
    {
        using ReadLease lease = await ReadAsync(file, offset, count);
        Assert.Equal(Math.Clamp(file.Object.Size - offset, 0, count), lease.Length);
        Content.Check(file.Inode, offset, lease);
    }

    /// <summary>Returns when no fetch is queued or under way.</summary>
    public Task QuietAsync() => UntilAsync(() => Reader.Counters is { ActiveFetches: 0, QueuedFetches: 0 });

    public async ValueTask DisposeAsync()
    {
        Reader.Dispose();
        // A fetch gives its memory back when the store returns, and the pool counts a lease out before its bytes.
        await UntilAsync(() => _pool.LiveLeases == 0);
        _pool.Dispose();
        await UntilAsync(() => _pool.Budget.UsedBytes == 0);
        Assert.Equal(0, _pool.Budget.UsedBytes);
        Assert.Equal(0, _pool.Budget.WaitingBytes);
        Assert.DoesNotContain(Log.Lines, line => line.Contains("a bug of ours", StringComparison.Ordinal) && !line.Contains("a bug of the store", StringComparison.Ordinal));
        Assert.False(Store.HasOverlap, "a byte was fetched twice at the same time");
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!condition() && !patience.IsCancellationRequested)
        {
            await Task.Delay(1);
        }
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
}
