namespace MLPlatform.Datasets;

/// <summary>Merges sorted sources into one by a binary heap. Owns them. For one thread.</summary>
internal sealed unsafe class RecordMerger : RecordSource
{
    private readonly List<RecordSource> _all;
    private RecordSource[]? _heap;
    private int _count;

    public RecordMerger(IEnumerable<RecordSource> sources) => _all = [.. sources];

    public override bool MoveNext()
    {
        if (_heap is null)
        {
            Fill();
        }
        else if (_count > 0)
        {
            if (!_heap[0].MoveNext())
            {
                _heap[0] = _heap[--_count];
            }

            SiftDown(0);
        }

        Record = _count > 0 ? _heap![0].Record : null;
        return _count > 0;
    }

    public override void Dispose()
    {
        foreach (RecordSource source in _all)
        {
            source.Dispose();
        }
    }

    private void Fill()
    {
        _heap = new RecordSource[_all.Count];
        foreach (RecordSource source in _all)
        {
            if (source.MoveNext())
            {
                _heap[_count++] = source;
            }
        }

        for (int i = (_count / 2) - 1; i >= 0; i--)
        {
            SiftDown(i);
        }
    }

    private void SiftDown(int index)
    {
        RecordSource[] heap = _heap!;
        while ((2 * index) + 1 < _count)
        {
            int child = (2 * index) + 1;
            if (child + 1 < _count && SortRecord.Compare(heap[child + 1].Record, heap[child].Record) < 0)
            {
                child++;
            }

            if (SortRecord.Compare(heap[index].Record, heap[child].Record) <= 0)
            {
                return;
            }

            (heap[index], heap[child]) = (heap[child], heap[index]);
            index = child;
        }
    }
}
