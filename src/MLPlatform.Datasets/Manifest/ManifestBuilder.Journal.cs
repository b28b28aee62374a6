using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

// Units, runs and the journal: at every checkpoint the disk holds all that closed units gave, and the list of those still open.
public sealed partial class ManifestBuilder
{
    // Far more than a healthy listing opens between two checkpoints; a store that splits without end must not fill the memory.
    private const int MaxPendingUnits = 16_384;

    private readonly Dictionary<long, OpenUnit> _opened = [];
    private readonly List<long> _closed = [];
    private ListJournal? _journal;
    private UnitStack? _units;
    private long _nextUnit = 1;
    private long _openUnits;
    private long _lastCheckpoint;

    /// <summary>The units to work on: those of an interrupted listing, or one for each store.</summary>
    internal UnitStack StartListing()
    {
        Invariant.That(_units is null, "one listing per builder");
        _units = new UnitStack(_work.UnitsPath, MaxPendingUnits);
        if (IsResumed)
        {
            RestoreUnits(_units);
        }
        else
        {
            for (int mount = Mounts.Count - 1; mount >= 0; mount--)
            {
                _units.Push(OpenUnsynchronized(mount, ListUnit.Everything));
            }
        }

        return _units;
    }

    /// <summary>Takes one page of a unit: its names, and the units that replace it.</summary>
    /// <returns>What the same enumeration still covers, if anything, and the units that others may take.</returns>
    internal async ValueTask<(OpenUnit? Next, IReadOnlyList<OpenUnit> Split)> AddPageAsync(OpenUnit unit, ListPage page, CancellationToken cancellationToken)
    {
        OpenUnit? rest;
        OpenUnit[] split;
        await _gate.WaitAsync(cancellationToken);
        try
        {
            IReadOnlyList<StoreEntry> shards = _options.IndexTar ? [.. page.Entries.Where(entry => IsShard(unit.Mount, entry))] : [];
            await EncodeUnsynchronizedAsync(unit.Mount, shards.Count == 0 ? page.Entries : [.. page.Entries.Where(entry => !IsShard(unit.Mount, entry))], cancellationToken);

            // No wait between the last name and this: a checkpoint has both or has the unit open still.
            rest = page.Rest is null ? null : OpenUnsynchronized(unit.Mount, page.Rest);
            split = [.. page.Split.Select(one => OpenUnsynchronized(unit.Mount, one)), .. shards.Select(shard => OpenUnsynchronized(unit.Mount, new ListUnit([]), shard))];
            CloseUnsynchronized(unit);
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
        return (rest, split);
    }

    /// <summary>Closes a unit whose enumeration ended without saying so on its last page.</summary>
    internal async ValueTask CloseUnitAsync(OpenUnit unit, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        CloseUnsynchronized(unit);
        _gate.Release();
    }

    /// <summary>Makes what was found so far safe, for a listing that is about to stop.</summary>
    internal async ValueTask CheckpointAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            CheckpointUnsynchronized();
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

    private void OpenJournal()
    {
        if (!_options.Resumable)
        {
            _work.Clear();
            return;
        }

        _journal = ListJournal.TryOpen(_work.JournalPath, _options);
        if (_journal is null)
        {
            _work.Clear();
            _journal = ListJournal.Create(_work.JournalPath, _options);
            return;
        }

        foreach (ListCheckpoint checkpoint in _journal.Replay())
        {
            IsResumed = true;
            _nextUnit = checkpoint.NextUnit;
            _encoder.Restore(checkpoint.Files, checkpoint.Directories, checkpoint.Bytes, checkpoint.Skipped);
            if (checkpoint.Run >= 0)
            {
                _runs.Add(_work.RunPath(checkpoint.Run));
            }
        }
    }

    private void RestoreUnits(UnitStack units)
    {
        // A bit for each unit there ever was: a tree of ten million directories had as many.
        ulong[] closed = new ulong[(_nextUnit / 64) + 1];
        foreach (ListCheckpoint checkpoint in _journal!.Replay())
        {
            foreach (long id in checkpoint.Closed)
            {
                closed[id / 64] |= 1UL << (int)(id % 64);
            }
        }

        foreach (ListCheckpoint checkpoint in _journal.Replay())
        {
            foreach (OpenUnit unit in checkpoint.Opened)
            {
                if ((closed[unit.Id / 64] & (1UL << (int)(unit.Id % 64))) == 0)
                {
                    units.Push(unit);
                    _openUnits++;
                }
            }
        }
    }

    private OpenUnit OpenUnsynchronized(int mount, ListUnit unit, StoreEntry? shard = null, bool hasBegun = false)
    {
        var open = new OpenUnit(_nextUnit++, mount, unit, shard, hasBegun);
        if (_journal is not null)
        {
            _opened.Add(open.Id, open);
        }

        Interlocked.Increment(ref _openUnits);
        return open;
    }

    private void CloseUnsynchronized(OpenUnit unit)
    {
        // One that came and went since the last checkpoint leaves no trace.
        if (_journal is not null && !_opened.Remove(unit.Id))
        {
            _closed.Add(unit.Id);
        }

        Interlocked.Decrement(ref _openUnits);
    }

    private void CheckpointIfDueUnsynchronized()
    {
        if (_journal is not null
            && (_opened.Count >= MaxPendingUnits || _options.Time.GetElapsedTime(_lastCheckpoint) >= _options.CheckpointInterval))
        {
            CheckpointUnsynchronized();
        }
    }

    /// <summary>Sorts what is in memory to disk and writes down, where there is a journal, what is safe by that.</summary>
    private void CheckpointUnsynchronized()
    {
        int run = SpillUnsynchronized(durable: _journal is not null);
        if (_journal is not null && (run >= 0 || _opened.Count > 0 || _closed.Count > 0))
        {
            DurableDirectory.Flush(_work.Root);
            _journal.Append(new ListCheckpoint(run, _encoder.Files, _encoder.Directories, _encoder.Bytes, _encoder.Skipped, _nextUnit, _closed, _opened.Values));
            _opened.Clear();
            _closed.Clear();
        }

        _lastCheckpoint = _options.Time.GetTimestamp();
    }

    /// <summary>Sorts what is in memory to disk.</summary>
    /// <returns>The number of the run; -1 when there was nothing.</returns>
    private int SpillUnsynchronized(bool durable)
    {
        if (_buffer.Count == 0)
        {
            return -1;
        }

        int run = _runs.Count;
        using (RecordMerger sorted = _buffer.TakeSorted())
        {
            RunFile.Write(_work.RunPath(run), sorted, durable, CancellationToken.None);
        }

        _buffer.Release();
        _runs.Add(_work.RunPath(run));
        return run;
    }
}
