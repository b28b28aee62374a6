using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tiers;

namespace MLPlatform.CacheWorker;

/// <summary>
/// Brings files into the cache before anybody reads them: in the order of their rows, many at once, large ones in parts of 8 MiB. What is whole in the cache is passed
/// over, so a preload that was ended anyhow goes on where it was when it is run again. One run per object; <see cref="Status"/> may be asked from any thread.
/// </summary>
/// <param name="tree">The version, with the stores that its files lie in.</param>
public sealed class Preloader(CachedDataset cache, ManifestTree tree, RowSelection selection, PreloadOptions options) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Queue<LargeJob> _large = new();
    private readonly List<PreloadFailure> _failures = [];
    private readonly SemaphoreSlim _unpark = new(0);
    private readonly CancellationTokenSource _stop = new();
    private IEnumerator<long>? _rows;
    private bool _isAtEnd;
    private string? _stopped;
    private int _failuresInARow;
    private int _parked;
    private int _parallelism = int.MaxValue;
    private long _hereFiles;
    private long _hereBytes;
    private long _fetchedFiles;
    private long _fetchedBytes;
    private long _uncachedFiles;
    private long _failedFiles;

    public PreloadStatus Status => new(
        selection.Files,
        selection.Bytes,
        Interlocked.Read(ref _hereFiles),
        Interlocked.Read(ref _hereBytes),
        Interlocked.Read(ref _fetchedFiles),
        Interlocked.Read(ref _fetchedBytes),
        Interlocked.Read(ref _uncachedFiles),
        Interlocked.Read(ref _failedFiles));

    /// <summary>Runs to the end, to the first file that has no room, or until the store gives nothing any more.</summary>
    /// <exception cref="OperationCanceledException">What has come is kept.</exception>
    public async Task<PreloadResult> RunAsync(CancellationToken cancellationToken)
    {
        await cache.Opened.WaitAsync(cancellationToken);
        if (!cache.CanKeep)
        {
            throw new CacheException(CacheError.DeviceFailed, "No cache directory can be used; the log tells why.");
        }

        selection.Count(cancellationToken);
        using (_rows = selection.Rows().GetEnumerator())
        using (CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token))
        {
            Task[] workers = [.. Enumerable.Range(0, options.Parallelism).Select(number => Task.Run(() => WorkAsync(number, ending.Token), CancellationToken.None))];
            try
            {
                await Task.WhenAll(workers);
            }
            catch
            {
                await ending.CancelAsync();
                await Task.WhenAll(workers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                if (_stopped is null)
                {
                    throw;
                }
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        return new PreloadResult(Status, _failures, _stopped);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _unpark.Dispose();
    }

    private async Task WorkAsync(int number, CancellationToken cancellationToken)
    {
        CancellationTokenSource deadline = new();
        CancellationTokenRegistration link = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), deadline);
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                await ParkAsync(number, cancellationToken);
                if (!TryTake(out long row, out LargeJob? job, out long offset))
                {
                    return;
                }

                if (!deadline.TryReset())
                {
                    // The last fetch took too long.
                    await link.DisposeAsync();
                    deadline.Dispose();
                    deadline = new CancellationTokenSource();
                    link = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), deadline);
                }

                deadline.CancelAfter(options.FetchTimeout);
                await (job is null ? FileAsync(row, deadline.Token, cancellationToken) : PartAsync(job, offset, deadline.Token, cancellationToken));
            }
        }
        finally
        {
            await link.DisposeAsync();
            deadline.Dispose();

            // Whoever is parked has to see that there is nothing left.
            _unpark.Release();
        }
    }

    /// <summary>Waits while the store wants fewer requests at once; the first worker never does.</summary>
    private async ValueTask ParkAsync(int number, CancellationToken cancellationToken)
    {
        if (number == 0)
        {
            // More may go on now.
            if (Volatile.Read(ref _parked) > 0)
            {
                _unpark.Release();
            }

            return;
        }

        while (number >= Volatile.Read(ref _parallelism) && !_isAtEnd)
        {
            Interlocked.Increment(ref _parked);
            try
            {
                await _unpark.WaitAsync(cancellationToken);
            }
            finally
            {
                Interlocked.Decrement(ref _parked);
            }
        }
    }

    private bool TryTake(out long row, out LargeJob? job, out long offset)
    {
        lock (_lock)
        {
            row = -1;
            offset = 0;
            while (_large.TryPeek(out job))
            {
                if (job.IsTaken)
                {
                    _large.Dequeue();
                    continue;
                }

                offset = job.Next;
                job.Next += CachedDataset.MaxKeepBytes;
                job.InFlight++;
                return true;
            }

            while (!_isAtEnd && _rows!.MoveNext())
            {
                row = _rows.Current;
                if (tree.Manifest.SizeOf(row) <= CacheUnits.SmallFileBytes)
                {
                    return true;
                }

                // Here, so that nobody leaves while there are parts to come.
                FileVersion file = tree.FileOf(row);
                if (cache.IsWhole(file))
                {
                    AddHere(file, file.Object.Size);
                    continue;
                }

                job = new LargeJob(file, row) { Next = CachedDataset.MaxKeepBytes, InFlight = 1 };
                _large.Enqueue(job);
                return true;
            }

            _isAtEnd = true;
            return false;
        }
    }

    private async Task FileAsync(long row, CancellationToken deadline, CancellationToken cancellationToken)
    {
        FileVersion file = tree.FileOf(row);
        int size = (int)file.Object.Size;
        if (cache.IsWhole(file))
        {
            AddHere(file, size);
            return;
        }

        switch (await KeepAsync(file, row, null, 0, size, deadline, cancellationToken))
        {
            case KeepOutcome.Kept:
                AddFetched(file);
                break;
            case KeepOutcome.Here:
                AddHere(file, size);
                break;
            case KeepOutcome.Uncached:
                Interlocked.Increment(ref _uncachedFiles);
                break;
        }
    }

    private async Task PartAsync(LargeJob job, long offset, CancellationToken deadline, CancellationToken cancellationToken)
    {
        int count = (int)Math.Min(CachedDataset.MaxKeepBytes, job.File.Object.Size - offset);
        KeepOutcome? outcome = await KeepAsync(job.File, job.Row, job, offset, count, deadline, cancellationToken);
        bool isUncached = false;
        bool isDone;
        lock (_lock)
        {
            if (outcome is KeepOutcome.Uncached && !job.HasFailed)
            {
                isUncached = true;
            }

            // Its other parts are not worth fetching.
            job.HasFailed |= outcome is null or KeepOutcome.NoRoom or KeepOutcome.Uncached;
            job.HasFetched |= outcome is KeepOutcome.Kept;
            isDone = --job.InFlight == 0 && job.Next >= job.File.Object.Size && !job.HasFailed;
        }

        if (outcome is KeepOutcome.Here)
        {
            Interlocked.Add(ref _hereBytes, count);
        }

        if (isUncached)
        {
            Interlocked.Increment(ref _uncachedFiles);
        }
        else if (isDone && job.HasFetched)
        {
            AddFetched(job.File);
        }
        else if (isDone)
        {
            AddHere(job.File, 0);
        }
    }

    /// <returns>Null when it failed, which is noted.</returns>
    private async ValueTask<KeepOutcome?> KeepAsync(FileVersion file, long row, LargeJob? job, long offset, int count, CancellationToken deadline, CancellationToken cancellationToken)
    {
        try
        {
            _parallelism = Math.Max(1, cache.SuggestedParallelism(file));
            if (cache.LimitBytes < Interlocked.Read(ref _hereBytes) + Interlocked.Read(ref _fetchedBytes) + count)
            {
                // Whatever came now would push out what came before.
                Stop(file, row, $"the selected files do not fit into the cache, which holds {ByteSize.Format(cache.LimitBytes)} (--cache-size, --min-free)");
                return KeepOutcome.NoRoom;
            }

            KeepOutcome outcome = await cache.KeepAsync(file, offset, count, deadline);
            Volatile.Write(ref _failuresInARow, 0);
            if (outcome == KeepOutcome.Kept)
            {
                Interlocked.Add(ref _fetchedBytes, count);
            }
            else if (outcome == KeepOutcome.NoRoom)
            {
                Stop(file, row, cache.DescribeLack(count));
            }

            return outcome;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            Fail(row, file, job, e.InnerException is CacheException cause ? cause.Message : $"{file.DisplayUri} did not answer within {Duration.Format(options.FetchTimeout)}.");
        }
        catch (CacheException e)
        {
            Fail(row, file, job, e.Message);
        }

        return null;
    }

    private void AddHere(FileVersion file, long bytes)
    {
        Pin(file);
        Interlocked.Increment(ref _hereFiles);
        Interlocked.Add(ref _hereBytes, bytes);
    }

    private void AddFetched(FileVersion file)
    {
        Pin(file);
        Interlocked.Increment(ref _fetchedFiles);
    }

    private void Pin(FileVersion file)
    {
        if (options.Pin)
        {
            cache.SetPinned(file, isPinned: true);
        }
    }

    private void Fail(long row, FileVersion file, LargeJob? job, string reason)
    {
        bool isStore;
        lock (_lock)
        {
            if (job is { HasFailed: true })
            {
                return;
            }

            if (job is not null)
            {
                job.HasFailed = true;
            }

            Interlocked.Increment(ref _failedFiles);
            if (_failures.Count < options.MaxListedFailures)
            {
                _failures.Add(new PreloadFailure(NameOf(row), reason));
            }

            isStore = ++_failuresInARow >= options.MaxFailuresInARow;
        }

        if (isStore)
        {
            Stop(file, row, $"{options.MaxFailuresInARow} fetches in a row failed, the last with: {reason}");
        }
    }

    private void Stop(FileVersion file, long row, string reason)
    {
        lock (_lock)
        {
            _isAtEnd = true;
            _stopped ??= $"stopped at {NameOf(row)} ({ByteSize.Format(file.Object.Size)}): {reason}";
        }

        _stop.Cancel();
    }

    private string NameOf(long row) => Encoding.UTF8.GetString(tree.Manifest.PathOf(row));
}
