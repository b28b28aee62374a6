using MLPlatform.Core;

namespace MLPlatform.CacheWorker;

/// <summary>
/// A few blocks that are set aside at the start for reading disks into readers' memory. Who holds one waits for nothing but the disk, so
/// they always come back, also when the budget is full and whoever wants one holds part of it.
/// </summary>
internal sealed class ScratchBlocks : IDisposable
{
    private readonly SemaphoreSlim _available;
    private readonly Stack<BlockLease> _blocks = new();
    private readonly BlockPool _pool;
    private readonly int _bytes;
    private readonly int _most;
    private int _made;
    private bool _isDisposed;

    /// <param name="bytes">Of each block.</param>
    /// <param name="most">How many at once. The first is made now and kept; more only while the budget has room.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: the budget has no room for a single one.</exception>
    public ScratchBlocks(BlockPool pool, int bytes, int most)
    {
        _pool = pool;
        _bytes = bytes;
        _most = most;
        _blocks.Push(pool.TryRent(bytes) ?? throw new CacheException(CacheError.Configuration, $"The memory budget of {ByteSize.Format(pool.Budget.LimitBytes)} has no room for the cache; raise --memory."));
        _made = 1;
        _available = new SemaphoreSlim(1);
    }

    public async ValueTask<BlockLease> TakeAsync(CancellationToken cancellationToken)
    {
        if (!_available.Wait(0, CancellationToken.None))
        {
            if (TryMake() is { } made)
            {
                return made;
            }

            await _available.WaitAsync(cancellationToken);
        }

        lock (_blocks)
        {
            return _blocks.Pop();
        }
    }

    public void Return(BlockLease block)
    {
        lock (_blocks)
        {
            // One is kept for sure; others only while somebody is likely to want them.
            if (_isDisposed || _blocks.Count > 0)
            {
                _made--;
                block.Dispose();
                return;
            }

            _blocks.Push(block);
        }

        _available.Release();
    }

    public void Dispose()
    {
        lock (_blocks)
        {
            _isDisposed = true;
            while (_blocks.TryPop(out BlockLease? block))
            {
                block.Dispose();
            }
        }
    }

    private BlockLease? TryMake()
    {
        lock (_blocks)
        {
            if (_made < _most && _pool.TryRent(_bytes) is { } block)
            {
                _made++;
                return block;
            }

            return null;
        }
    }
}
