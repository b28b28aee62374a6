using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Client;

/// <summary>
/// An under-store of generated files, whose reads either answer at once from the thread pool or, when <see cref="IsManual"/>, wait for
/// the test as <see cref="StoreCall"/>s. Counts everything, and fails a test that fetches a byte twice at the same time.
/// </summary>
internal sealed class MemoryStore : IUnderStore
{
    private readonly Lock _lock = new();
    private readonly List<(string Path, StoreCall Call)> _active = [];
    private readonly List<StoreCall> _calls = [];
    private readonly List<(Predicate<StoreCall[]> Condition, TaskCompletionSource<StoreCall[]> Reached)> _watchers = [];

    public bool IsManual { get; init; }

    /// <summary>What a manual read gives as the cause when its token ends.</summary>
    public Exception? LastCause { get; init; }

    /// <summary>A manual read does not end with its token.</summary>
    public bool IgnoresCancellation { get; init; }

    public string Uri => "mem://store";

    public bool ReadsAreGuarded { get; init; } = true;

    public int SuggestedParallelism { get; set; } = 16;

    public UnderStoreCounters Counters { get; } = new();

    public ConcurrentQueue<(long Offset, long Count)> Ranges { get; } = new();

    public int MaxActive { get; private set; }

    /// <summary>The same byte was fetched by two reads at once, neither of which had been told to end.</summary>
    public bool HasOverlap { get; private set; }

    public int Active
    {
        get
        {
            lock (_lock)
            {
                return _active.Count;
            }
        }
    }

    public FileVersion File(ulong inode, long size) =>
        new(inode, this, new StoreObject(Encoding.UTF8.GetBytes($"file{inode}"), size, ObjectIdentity.FromETag($"v{inode}")));

    /// <summary>The reads so far, in their order, as soon as there are so many.</summary>
    public Task<StoreCall[]> CallsAsync(int count) => CallsAsync(calls => calls.Length >= count);

    /// <summary>The latest read of a byte, as soon as there is one.</summary>
    public async Task<StoreCall> CallAtAsync(long offset)
    {
        bool IsHere(StoreCall call) => call.Offset <= offset && call.End > offset;
        return (await CallsAsync(calls => Array.Exists(calls, IsHere))).Last(IsHere);
    }

    public async Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + count, storeObject.Size);
        Counters.AddGet();
        Ranges.Enqueue((offset, count));
        string path = storeObject.DisplayPath;
        ulong inode = ulong.Parse(path.AsSpan(4), CultureInfo.InvariantCulture);
        StoreCall call = new(inode, offset, count, sink, cancellationToken);
        Enter(path, call);
        try
        {
            if (IsManual)
            {
                await using CancellationTokenRegistration registration = IgnoresCancellation ? default : cancellationToken.UnsafeRegister(
                    _ => call.Fail(new OperationCanceledException("the token ended", LastCause, cancellationToken)), null);
                await call.Task;
            }
            else
            {
                await Task.Yield();
                call.DeliverRest();
            }

            Counters.AddBytes(count);
        }
        finally
        {
            Leave(path, call);
        }
    }

    public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken) => throw new NotSupportedException();

    public IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, CancellationToken cancellationToken) => throw new NotSupportedException();

    public IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, CancellationToken cancellationToken) => throw new NotSupportedException();

    public SafeFileHandle? OpenLocal(StoreObject storeObject) => null;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Enter(string path, StoreCall call)
    {
        lock (_lock)
        {
            HasOverlap |= !call.CancellationToken.IsCancellationRequested && _active.Exists(other => other.Path == path && other.Call.Offset < call.End && call.Offset < other.Call.End
                && !other.Call.CancellationToken.IsCancellationRequested);
            _active.Add((path, call));
            MaxActive = Math.Max(MaxActive, _active.Count);
            if (IsManual)
            {
                _calls.Add(call);
            }

            if (_watchers.Count > 0)
            {
                StoreCall[] calls = [.. _calls];
                _watchers.RemoveAll(watcher => watcher.Condition(calls) && watcher.Reached.TrySetResult(calls));
            }
        }
    }

    public Task<StoreCall[]> CallsAsync(Predicate<StoreCall[]> condition)
    {
        lock (_lock)
        {
            StoreCall[] calls = [.. _calls];
            if (condition(calls))
            {
                return Task.FromResult(calls);
            }

            TaskCompletionSource<StoreCall[]> reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((condition, reached));
            return reached.Task.WaitAsync(TimeSpan.FromSeconds(60));
        }
    }

    private void Leave(string path, StoreCall call)
    {
        lock (_lock)
        {
            _active.Remove((path, call));
        }
    }
}
