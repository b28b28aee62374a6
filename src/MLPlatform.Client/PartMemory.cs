using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>
/// The native memory of one part: a single block, or blocks of 1 MiB, so that a part of 5 MiB is charged 5 and not 8. Several
/// parts share it after a rent for exactly one read that turned out to have several holes. Its shard's lock guards the owners.
/// </summary>
internal sealed class PartMemory
{
    private const int BlockShift = 20;
    private const int BlockBytes = 1 << BlockShift;

    private readonly BlockLease _first;
    private readonly BlockLease[]? _more;
    private int _owners = 1;

    /// <summary>Takes over the block, whatever its size.</summary>
    public PartMemory(BlockLease block)
        : this(block, null, block.Capacity)
    {
    }

    private PartMemory(BlockLease first, BlockLease[]? more, int capacity)
    {
        _first = first;
        _more = more;
        Capacity = capacity;
    }

    /// <summary>Bytes charged to the budget.</summary>
    public int Capacity { get; }

    /// <returns>Null when the budget is full now.</returns>
    public static PartMemory? TryRent(BlockPool pool, int bytes)
    {
        if (bytes <= BlockBytes)
        {
            return pool.TryRent(bytes) is { } block ? new PartMemory(block) : null;
        }

        BlockLease[] more = new BlockLease[(bytes - 1) >> BlockShift];
        if (pool.TryRent(BlockBytes) is not { } first)
        {
            return null;
        }

        int capacity = first.Capacity;
        for (int i = 0; i < more.Length; i++)
        {
            if (pool.TryRent(Math.Min(BlockBytes, bytes - ((i + 1) << BlockShift))) is not { } next)
            {
                first.Dispose();
                for (int j = 0; j < i; j++)
                {
                    more[j].Dispose();
                }

                return null;
            }

            more[i] = next;
            capacity += next.Capacity;
        }

        return new PartMemory(first, more, capacity);
    }

    /// <summary>Memory from a position to the end of its block.</summary>
    public Memory<byte> From(int position)
    {
        (BlockLease block, int offset) = Locate(position);
        return block.Memory[offset..];
    }

    /// <summary>The longest run of at most <paramref name="length"/> bytes from a position that lies in one block.</summary>
    public NativeSegment Segment(int position, int length)
    {
        (BlockLease block, int offset) = Locate(position);
        return new NativeSegment(block.Address + offset, Math.Min(length, block.Length - offset));
    }

    public void AddOwner() => _owners++;

    /// <summary>The last owner's call gives the memory back.</summary>
    public void Release()
    {
        _owners--;
        Invariant.That(_owners >= 0);
        if (_owners > 0)
        {
            return;
        }

        _first.Dispose();
        if (_more is not null)
        {
            foreach (BlockLease block in _more)
            {
                block.Dispose();
            }
        }
    }

    private (BlockLease Block, int Offset) Locate(int position)
    {
        if (_more is null)
        {
            return (_first, position);
        }

        int index = position >> BlockShift;
        return (index == 0 ? _first : _more[index - 1], position & (BlockBytes - 1));
    }
}
