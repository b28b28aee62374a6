using System.Runtime.CompilerServices;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Live;

/// <summary>An object store in memory that answers as S3 does: directories are what keys begin with. Any thread may change it; a gate holds its answers back.</summary>
internal sealed class MemoryStore(string uri = "s3://test/prefix") : IUnderStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, StoreEntry> _entries = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _listingBegan = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _versions;

    public string Uri => uri;

    public bool ReadsAreGuarded => true;

    public int SuggestedParallelism => 8;

    public UnderStoreCounters Counters { get; } = new();

    /// <summary>Thrown instead of an answer.</summary>
    public CacheException? Fault { get; set; }

    /// <summary>Every answer waits for it.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Whole listings wait for it; single directories and names do not.</summary>
    public Task ListingGate { get; set; } = Task.CompletedTask;

    /// <summary>Completes when a whole listing has got as far as the gate.</summary>
    public Task ListingBegan => _listingBegan.Task;

    /// <summary>Thrown by whole listings.</summary>
    public CacheException? ListingFault { get; set; }

    /// <summary>Runs after an answer was determined and before it is given.</summary>
    public Func<Task>? BeforeAnswer { get; set; }

    public int PageSize { get; set; } = 1000;

    public int Stats { get; private set; }

    public int Lists { get; private set; }

    /// <summary>Puts a file of a version never seen before.</summary>
    public ObjectIdentity Put(string path, long size = 10)
    {
        ObjectIdentity identity = ObjectIdentity.FromETag($"v{Interlocked.Increment(ref _versions)}");
        Put(path, size, identity);
        return identity;
    }

    public void Put(string path, long size, ObjectIdentity identity, long mtime = 1_000_000_000)
    {
        lock (_lock)
        {
            _entries[path] = new StoreEntry { Path = Encoding.UTF8.GetBytes(path), Kind = StoreEntryKind.File, Size = size, Identity = identity, MtimeNanoseconds = mtime };
        }
    }

    /// <summary>Keeps whole listings waiting until the result completes.</summary>
    public TaskCompletionSource HoldListings()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ListingGate = gate.Task;
        return gate;
    }

    public void Delete(string path)
    {
        lock (_lock)
        {
            _entries.Remove(path);
        }
    }

    public Task CheckAsync(CancellationToken cancellationToken) => Fault is { } fault ? Task.FromException(fault) : Task.CompletedTask;

    public async ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Stats++;
        }

        Counters.AddHead();
        await Gate.WaitAsync(cancellationToken);
        ThrowFault();
        string key = Encoding.UTF8.GetString(path.Span);
        StoreEntry? found;
        lock (_lock)
        {
            found = _entries.Keys.Any(k => k.StartsWith(key + "/", StringComparison.Ordinal))
                ? new StoreEntry { Path = path.ToArray(), Kind = StoreEntryKind.Directory }
                : _entries.GetValueOrDefault(key);
        }

        await Answer();
        return found;
    }

    public async IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Lists++;
        }

        Counters.AddList();
        await Gate.WaitAsync(cancellationToken);
        ThrowFault();
        List<StoreEntry> found = Level(Encoding.UTF8.GetString(directory.Span));
        await Answer();
        foreach (StoreEntry[] page in found.Chunk(PageSize))
        {
            yield return page;
            ThrowFault();
        }
    }

    public async IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Counters.AddList();
        await Gate.WaitAsync(cancellationToken);
        _listingBegan.TrySetResult();
        await ListingGate.WaitAsync(cancellationToken);
        ThrowFault();
        if (ListingFault is { } fault)
        {
            throw new CacheException(fault.Error, fault.Message);
        }

        StoreEntry[] found;
        lock (_lock)
        {
            found = [.. _entries.Values.Where(e => IsIn(unit, e.Path))];
        }

        StoreEntry[][] pages = [.. found.Chunk(PageSize)];
        for (int i = 0; i < pages.Length; i++)
        {
            yield return new ListPage(pages[i], i == pages.Length - 1 ? null : unit with { After = pages[i][^1].Path }, []);
            ThrowFault();
        }

        if (pages.Length == 0)
        {
            yield return new ListPage([], null, []);
        }
    }

    public Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Microsoft.Win32.SafeHandles.SafeFileHandle? OpenLocal(StoreObject storeObject) => null;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static bool IsIn(ListUnit unit, byte[] path) =>
        path.AsSpan().StartsWith(unit.Prefix)
        && (unit.After is null || path.AsSpan().SequenceCompareTo(unit.After) > 0)
        && (unit.Before is null || path.AsSpan().SequenceCompareTo(unit.Before) < 0);

    private List<StoreEntry> Level(string directory)
    {
        string prefix = directory.Length == 0 ? "" : directory + "/";
        var found = new List<StoreEntry>();
        var directories = new HashSet<string>(StringComparer.Ordinal);
        lock (_lock)
        {
            foreach ((string key, StoreEntry entry) in _entries)
            {
                if (!key.StartsWith(prefix, StringComparison.Ordinal))
                {
                    continue;
                }

                int slash = key.IndexOf('/', prefix.Length);
                if (slash < 0 || slash == key.Length - 1)
                {
                    found.Add(entry);
                }
                else if (directories.Add(key[..slash]))
                {
                    found.Add(new StoreEntry { Path = Encoding.UTF8.GetBytes(key[..slash]), Kind = StoreEntryKind.Directory });
                }
            }
        }

        return found;
    }

    private async Task Answer()
    {
        if (BeforeAnswer is { } before)
        {
            await before();
        }
    }

    private void ThrowFault()
    {
        if (Fault is { } fault)
        {
            throw new CacheException(fault.Error, fault.Message);
        }
    }
}
