using System.Collections.Concurrent;

namespace MLPlatform.FileSystem;

/// <summary>
/// The shards profile's open files. The kernel allows an inode to be cached or passed through, not both at once, and one backing id
/// per inode: so an inode keeps the mode of its first open until its last close. Any thread may call it.
/// </summary>
internal sealed class OpenFiles
{
    private readonly ConcurrentDictionary<ulong, State> _open = new();
    private long _passthroughOpens;

    public int Count => _open.Count;

    public long PassthroughOpens => Interlocked.Read(ref _passthroughOpens);

    /// <summary>Counts one more open and says how it is served; <paramref name="register"/> runs at the first open only and says what the kernel reads, if not through us.</summary>
    /// <returns>The backing id, or 0.</returns>
    public int Open(ulong inode, Func<Backing> register)
    {
        while (true)
        {
            State state = _open.GetOrAdd(inode, static _ => new State());
            lock (state)
            {
                if (state.Closed)
                {
                    continue; // Lost a race with the last close; take a new state.
                }

                try
                {
                    if (state.Count == 0)
                    {
                        state.Backing = register();
                    }
                }
                catch
                {
                    Remove(inode, state);
                    throw;
                }

                state.Count++;
                if (state.Backing.Id > 0)
                {
                    Interlocked.Increment(ref _passthroughOpens);
                }

                return state.Backing.Id;
            }
        }
    }

    /// <summary>Counts one close.</summary>
    /// <param name="backing">To be closed when this was the last one; else nothing.</param>
    /// <returns>True when this was the last close.</returns>
    public bool Close(ulong inode, out Backing backing)
    {
        backing = default;
        if (!_open.TryGetValue(inode, out State? state))
        {
            return false; // Opened by a server before us.
        }

        lock (state)
        {
            if (state.Closed || --state.Count > 0)
            {
                return false;
            }

            backing = state.Backing;
            Remove(inode, state);
            return true;
        }
    }

    private void Remove(ulong inode, State state)
    {
        if (state.Count == 0)
        {
            state.Closed = true;
            _open.TryRemove(new KeyValuePair<ulong, State>(inode, state));
        }
    }

    private sealed class State
    {
        public int Count { get; set; }

        public Backing Backing { get; set; }

        public bool Closed { get; set; }
    }
}
