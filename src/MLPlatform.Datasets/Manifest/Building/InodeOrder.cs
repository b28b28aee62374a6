using System.Buffers;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Sorts rows by their inode numbers in bounded memory: sorted runs of a million in files, then one merge. For one thread.</summary>
internal sealed class InodeOrder : IDisposable
{
    private const int RunPairs = 1 << 20;

    private readonly string _directory;
    private readonly List<TempColumn> _runs = [];

    public InodeOrder(string directory) => _directory = directory;

    /// <summary>Gives the rows in the order of the numbers in <paramref name="inodes"/>, which must all differ.</summary>
    public void Sort(TempColumn inodes, TempColumn order, CancellationToken cancellationToken)
    {
        int size = (int)Math.Min(RunPairs, inodes.Count);
        ulong[] keys = ArrayPool<ulong>.Shared.Rent(size);
        long[] rows = ArrayPool<long>.Shared.Rent(size);
        int used = 0;
        long row = 0;
        inodes.ForEach(values =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (long value in values)
            {
                if (used == size)
                {
                    WriteRun(keys.AsSpan(0, used), rows.AsSpan(0, used));
                    used = 0;
                }

                keys[used] = (ulong)value;
                rows[used++] = row++;
            }
        });
        WriteRun(keys.AsSpan(0, used), rows.AsSpan(0, used));
        ArrayPool<ulong>.Shared.Return(keys);
        ArrayPool<long>.Shared.Return(rows);
        Merge(order);
    }

    public void Dispose() => _runs.ForEach(run => run.Dispose());

    private void WriteRun(Span<ulong> keys, Span<long> rows)
    {
        keys.Sort(rows);
        var run = new TempColumn(Path.Combine(_directory, $"column-inode-run-{_runs.Count}"));
        _runs.Add(run);
        for (int i = 0; i < keys.Length; i++)
        {
            run.Add((long)keys[i]);
            run.Add(rows[i]);
        }
    }

    private void Merge(TempColumn order)
    {
        var heads = new PriorityQueue<Reader, ulong>();
        foreach (TempColumn run in _runs)
        {
            var reader = new Reader(run);
            if (reader.MoveNext())
            {
                heads.Enqueue(reader, reader.Inode);
            }
        }

        ulong last = 0;
        while (heads.TryPeek(out Reader? reader, out ulong inode))
        {
            Invariant.That(inode > last, "two names of a dataset have the same inode number");
            last = inode;
            order.Add(reader.Row);
            if (reader.MoveNext())
            {
                heads.DequeueEnqueue(reader, reader.Inode);
            }
            else
            {
                heads.Dequeue();
            }
        }
    }

    private sealed class Reader(TempColumn run)
    {
        private readonly long[] _buffer = new long[2048];
        private int _at;
        private int _count;
        private long _position;

        public ulong Inode { get; private set; }

        public long Row { get; private set; }

        public bool MoveNext()
        {
            if (_at == _count)
            {
                _count = (int)Math.Min(_buffer.Length, run.Count - _position);
                if (_count == 0)
                {
                    return false;
                }

                run.Read(_buffer.AsSpan(0, _count), _position);
                _position += _count;
                _at = 0;
            }

            Inode = (ulong)_buffer[_at++];
            Row = _buffer[_at++];
            return true;
        }
    }
}
