using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Found names in native memory until there are enough to sort them to disk. For one thread at a time.</summary>
internal sealed class SortBuffer : IDisposable
{
    private readonly int _chunkBytes;
    private readonly int _maxChunks;
    private readonly MemoryBudget? _budget;
    private readonly List<SortChunk> _chunks = [];
    private int _charged;

    public SortBuffer(long bytes, MemoryBudget? budget)
    {
        // Two chunks at least leave room for records while none is too large for a chunk.
        _chunkBytes = (int)Math.Clamp(bytes, 2 * SortRecord.MaxBytes, SortChunk.CapacityBytes);
        _maxChunks = (int)Math.Max(1, bytes / _chunkBytes);
        _budget = budget;
    }

    public long Count { get; private set; }

    /// <returns>False when the records must go to disk first, or, when there are none, when <see cref="ReserveAsync"/> must be waited for.</returns>
    public bool TryAppend(ReadOnlySpan<byte> key, ReadOnlySpan<byte> payload)
    {
        if (_chunks.Count == 0 || !_chunks[^1].TryAppend(key, payload))
        {
            if (_chunks.Count == _charged && (_chunks.Count >= _maxChunks || !TryCharge()))
            {
                return false;
            }

            _chunks.Add(new SortChunk(_chunkBytes));
            Invariant.That(_chunks[^1].TryAppend(key, payload));
        }

        Count++;
        return true;
    }

    /// <summary>Waits until there is memory for one chunk.</summary>
    public async ValueTask ReserveAsync(CancellationToken cancellationToken)
    {
        if (_budget is not null && _charged == 0)
        {
            await _budget.ChargeAsync(_chunkBytes, cancellationToken);
            _charged = 1;
        }
    }

    /// <summary>Everything in order. The buffer is empty afterwards; the caller disposes the result and then calls <see cref="Release"/>.</summary>
    public RecordMerger TakeSorted()
    {
        foreach (SortChunk chunk in _chunks)
        {
            chunk.Sort();
        }

        var sorted = new RecordMerger(_chunks);
        _chunks.Clear();
        Count = 0;
        return sorted;
    }

    public void Release()
    {
        if (_charged > 0)
        {
            _budget?.Return((long)_charged * _chunkBytes);
            _charged = 0;
        }
    }

    public void Dispose()
    {
        _chunks.ForEach(chunk => chunk.Dispose());
        _chunks.Clear();
        Release();
    }

    private bool TryCharge()
    {
        if (_budget is not null && !_budget.TryCharge(_chunkBytes))
        {
            return false;
        }

        _charged++;
        return true;
    }
}
