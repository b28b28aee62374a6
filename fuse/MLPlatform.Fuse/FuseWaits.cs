using System.Collections.Concurrent;

namespace MLPlatform.Fuse;

/// <summary>The requests that wait for something, by their unique number. The kernel bounds them by max_background and the number of readers.</summary>
internal sealed class FuseWaits
{
    private readonly ConcurrentDictionary<ulong, FuseWait> _waits = new();

    public int Count => _waits.Count;

    public FuseWait Begin(ulong unique)
    {
        FuseWait wait = new(this, unique);
        _waits[unique] = wait;
        return wait;
    }

    public void End(FuseWait wait) => _waits.TryRemove(new KeyValuePair<ulong, FuseWait>(wait.Unique, wait));

    /// <returns>False when no such request waits (yet).</returns>
    public bool TryInterrupt(ulong unique)
    {
        if (!_waits.TryGetValue(unique, out FuseWait? wait))
        {
            return false;
        }

        // Cancelling runs callbacks of whoever waits; a session thread must not.
        ThreadPool.UnsafeQueueUserWorkItem(static w => w.Cancel(), wait, preferLocal: false);
        return true;
    }

    public void InterruptAll()
    {
        foreach (FuseWait wait in _waits.Values)
        {
            wait.Cancel();
        }
    }
}
