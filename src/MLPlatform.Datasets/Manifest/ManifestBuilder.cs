using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Builds a manifest from names in any order: collects them in bounded memory, sorts them by way of the disk, joins them with the last
/// version and writes the file. The same names and the same last version give the same bytes. Any thread may add; one finishes.
/// It must not know how stores list (<see cref="TreeLister"/> does) nor where versions are kept.
/// </summary>
public sealed partial class ManifestBuilder : IAsyncDisposable
{
    private static readonly TimeSpan s_progressInterval = TimeSpan.FromMilliseconds(200);

    private readonly ManifestBuilderOptions _options;
    private readonly WorkDirectory _work;
    private readonly RecordEncoder _encoder;
    private readonly SortBuffer _buffer;
    private readonly RecordEncoder.Append _append;
    private readonly PreviousShards _previousShards;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly List<string> _runs = [];
    private readonly long _started;
    private readonly long _filesAtStart;
    private long _progressed;
    private bool _finished;
    private bool _disposed;
    private volatile bool _startsAnew;

    private ManifestBuilder(ManifestBuilderOptions options, WorkDirectory work)
    {
        _options = options with { WorkDirectory = work.Root };
        _work = work;
        _encoder = new RecordEncoder(options.Mounts);
        _buffer = new SortBuffer(options.SortBufferBytes, options.Budget);
        _append = _buffer.TryAppend;
        _previousShards = new PreviousShards(options.Previous, options.Mounts);
        _started = _lastCheckpoint = _progressed = options.Time.GetTimestamp();
        OpenJournal();
        _filesAtStart = _encoder.Files;
    }

    public IReadOnlyList<ManifestMount> Mounts => _options.Mounts;

    /// <summary>It goes on with a listing that was interrupted.</summary>
    public bool IsResumed { get; private set; }

    /// <exception cref="CacheException"><c>Busy</c>: another builder works there; <c>Configuration</c>: the mounts cannot be one tree.</exception>
    public static ManifestBuilder Open(ManifestBuilderOptions options)
    {
        if (options.Mounts.Count == 0)
        {
            throw new CacheException(CacheError.Configuration, $"Dataset {options.DatasetName} has no store; give it a SOURCE.");
        }

        WorkDirectory work = WorkDirectory.Open(options.WorkDirectory);
        try
        {
            return new ManifestBuilder(options, work);
        }
        catch (Exception e)
        {
            work.Dispose();
            throw e is IOException or UnauthorizedAccessException ? WorkDirectory.Fault(e, work.Root) : e;
        }
    }

    /// <summary>Adds names of one store.</summary>
    /// <param name="mount">Index of its mount.</param>
    public async ValueTask AddAsync(int mount, IReadOnlyList<StoreEntry> entries, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await EncodeUnsynchronizedAsync(mount, entries, cancellationToken);
            CheckpointIfDueUnsynchronized();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WorkDirectory.Fault(e, _work.Root);
        }
        finally
        {
            _gate.Release();
        }

        Report(ListPhase.Listing, null);
    }

    /// <summary>Notes a name that is wanted and cannot be had.</summary>
    public async ValueTask AddSkippedAsync(int mount, ReadOnlyMemory<byte> path, SkipReason reason, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            while (!_encoder.TrySkip(mount, path.Span, reason, _append))
            {
                await MakeRoomUnsynchronizedAsync(cancellationToken);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WorkDirectory.Fault(e, _work.Root);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Whether an entry is a shard whose members are to be given instead of it.</summary>
    internal bool IsShard(int mount, StoreEntry entry) => _options.IndexTar && ShardIndexer.IsShard(entry) && _encoder.Shows(mount, entry);

    /// <summary>What the last version says of a shard that did not change.</summary>
    /// <returns>False when it must be read.</returns>
    internal bool TryReuseShard(int mount, StoreEntry shard, TarMembers members) => _previousShards.TryGet(mount, shard, members);

    /// <summary>What was found so far is not gone on with: part of it has become wrong.</summary>
    internal void StartAnewNextTime() => _startsAnew = true;

    /// <summary>Adds some members of a shard; more follow.</summary>
    /// <returns>The unit to go on with.</returns>
    internal async ValueTask<OpenUnit?> AddMembersAsync(int mount, StoreEntry shard, TarMembers members, OpenUnit? unit, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            // Before the first member: whatever checkpoint holds some of them also says so.
            if (unit is { HasBegun: false })
            {
                OpenUnit begun = OpenUnsynchronized(unit.Mount, unit.Unit, unit.Shard, hasBegun: true);
                CloseUnsynchronized(unit);
                unit = begun;
            }

            await EncodeMembersUnsynchronizedAsync(mount, shard, members, cancellationToken);
            CheckpointIfDueUnsynchronized();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WorkDirectory.Fault(e, _work.Root);
        }
        finally
        {
            _gate.Release();
        }

        Report(ListPhase.Listing, null);
        return unit;
    }

    /// <summary>Adds the last members of a shard and the directory that stands for it, and closes its unit.</summary>
    internal async ValueTask AddShardAsync(int mount, StoreEntry shard, TarMembers members, OpenUnit? unit, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await EncodeMembersUnsynchronizedAsync(mount, shard, members, cancellationToken);
            while (!_encoder.TryEncodeShard(mount, shard, _append))
            {
                await MakeRoomUnsynchronizedAsync(cancellationToken);
            }

            if (unit is not null)
            {
                CloseUnsynchronized(unit);
            }

            CheckpointIfDueUnsynchronized();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WorkDirectory.Fault(e, _work.Root);
        }
        finally
        {
            _gate.Release();
        }

        Report(ListPhase.Listing, null);
    }

    /// <summary>Writes <c>DIGEST.manifest</c> into a directory, which is made if missing; nothing is added any more. The file appears whole or not at all.</summary>
    public async Task<ManifestBuildResult> FinishAsync(string directory, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            Invariant.That(!_finished && _openUnits == 0, "a listing is complete before its manifest is written");
            await Task.Yield(); // What follows is seconds of work for a large tree, and the caller wants its thread back.
            while (!_encoder.TryEncodeMounts(_append))
            {
                await MakeRoomUnsynchronizedAsync(cancellationToken);
            }

            // Not safe on the disk, and not in the journal: who is killed while writing lists again what came since the last checkpoint.
            SpillUnsynchronized(durable: false);
            Directory.CreateDirectory(directory);
            ManifestBuildResult result = Write(directory, cancellationToken);
            _finished = true;
            return result;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WorkDirectory.Fault(e, _work.Root);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Removes the work directory, unless an unfinished resumable listing may go on from it.</summary>
    public ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return ValueTask.CompletedTask;
        }

        _disposed = true;
        _buffer.Dispose();
        _journal?.Dispose();
        _units?.Dispose();
        if (_finished || _startsAnew || !_options.Resumable)
        {
            _work.Remove();
        }

        _work.Dispose();
        _gate.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask EncodeUnsynchronizedAsync(int mount, IReadOnlyList<StoreEntry> entries, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)mount, (uint)_options.Mounts.Count);
        Invariant.That(!_finished);
        foreach (StoreEntry entry in entries)
        {
            while (!_encoder.TryEncode(mount, entry, _append))
            {
                await MakeRoomUnsynchronizedAsync(cancellationToken);
            }
        }
    }

    private async ValueTask EncodeMembersUnsynchronizedAsync(int mount, StoreEntry shard, TarMembers members, CancellationToken cancellationToken)
    {
        Invariant.That(!_finished);
        for (int i = 0; i < members.Count; i++)
        {
            while (!_encoder.TryEncodeMember(mount, shard, members[i], members.NameOf(i), _append))
            {
                await MakeRoomUnsynchronizedAsync(cancellationToken);
            }
        }
    }

    private async ValueTask MakeRoomUnsynchronizedAsync(CancellationToken cancellationToken)
    {
        if (_buffer.Count > 0)
        {
            CheckpointUnsynchronized();
        }
        else
        {
            await _buffer.ReserveAsync(cancellationToken);
        }
    }

    private ManifestBuildResult Write(string directory, CancellationToken cancellationToken)
    {
        List<string> runs = MergeInPasses(cancellationToken);
        using var sorted = new RecordMerger(runs.Select(run => new RunSource(run)));
        using var rows = new RowPass(_options, _encoder.Files + _encoder.Directories);
        rows.Run(sorted, files => Report(ListPhase.Writing, files), cancellationToken);
        DatasetVersionId digest = new ManifestAssembler(rows, _options).Write(directory, cancellationToken);
        Report(ListPhase.Writing, rows.Files, always: true);
        return new ManifestBuildResult(digest, Path.Combine(directory, ManifestFormat.FileNameOf(digest)));
    }

    /// <summary>Merges runs until few enough are left for one merge. The first runs stay: a build that is killed here begins with them again.</summary>
    private List<string> MergeInPasses(CancellationToken cancellationToken)
    {
        var runs = new List<string>(_runs);
        int merged = 0;
        while (runs.Count > _options.MaxMergedRuns)
        {
            List<string> some = runs.GetRange(0, _options.MaxMergedRuns);
            string path = _work.MergedRunPath(merged++);
            using (var sorted = new RecordMerger(some.Select(run => new RunSource(run))))
            {
                RunFile.Write(path, sorted, durable: false, cancellationToken);
            }

            runs.RemoveRange(0, some.Count);
            runs.Add(path);
        }

        return runs;
    }

    private void Report(ListPhase phase, long? filesWritten, bool always = false)
    {
        if (_options.Progress is not { } progress)
        {
            return;
        }

        long now = _options.Time.GetTimestamp();
        long last = Interlocked.Read(ref _progressed);
        if (!always && (_options.Time.GetElapsedTime(last, now) < s_progressInterval || Interlocked.CompareExchange(ref _progressed, now, last) != last))
        {
            return;
        }

        double seconds = _options.Time.GetElapsedTime(_started, now).TotalSeconds;
        progress.Report(new ListProgress(
            phase,
            filesWritten ?? _encoder.Files,
            _encoder.Directories,
            _encoder.Bytes,
            _encoder.Skipped,
            seconds > 0 ? (_encoder.Files - _filesAtStart) / seconds : 0,
            Interlocked.Read(ref _openUnits)));
    }
}
