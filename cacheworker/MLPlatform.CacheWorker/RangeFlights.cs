using MLPlatform.Tiers;

namespace MLPlatform.CacheWorker;

/// <summary>
/// Fetches under way, by file and range, so that no byte is fetched twice at the same time however many readers, mounts and preloads want it. Any thread may call
/// it. Whoever finds a range taken waits for the other's end and then looks at the tiers again.
/// </summary>
internal sealed class RangeFlights
{
    private const int ShardCount = 64;

    private readonly Shard[] _shards = [.. Enumerable.Range(0, ShardCount).Select(static _ => new Shard())];

    /// <summary>Takes a range if nobody has a part of it.</summary>
    /// <param name="other">Ends with the fetch that has a part of it; null when the range is now ours.</param>
    /// <returns>To be disposed when the bytes are in the tiers, or will not be; null when <paramref name="other"/> is set.</returns>
    public Flight? TryBegin(in FileKey key, long start, long end, out Task? other)
    {
        Shard shard = _shards[(int)(key.Low % ShardCount)];
        lock (shard.Flights)
        {
            shard.Flights.TryGetValue(key, out Flight? first);
            for (Flight? flight = first; flight is not null; flight = flight.Next)
            {
                if (flight.Start < end && start < flight.End)
                {
                    other = flight.Ended;
                    return null;
                }
            }

            other = null;
            Flight taken = new(shard, key, start, end) { Next = first };
            shard.Flights[key] = taken;
            return taken;
        }
    }

    /// <summary>One fetch. Its maker disposes it once.</summary>
    internal sealed class Flight(Shard shard, FileKey key, long start, long end) : IDisposable
    {
        // Made under the shard's lock by the first who waits; most fetches have none.
        private TaskCompletionSource? _ended;

        public long Start => start;

        public long End => end;

        public Flight? Next { get; set; }

        /// <summary>Under the shard's lock only.</summary>
        public Task Ended => (_ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public void Dispose()
        {
            lock (shard.Flights)
            {
                if (!shard.Flights.TryGetValue(key, out Flight? flight))
                {
                    return;
                }

                if (flight == this)
                {
                    if (Next is null)
                    {
                        shard.Flights.Remove(key);
                    }
                    else
                    {
                        shard.Flights[key] = Next;
                    }
                }

                for (; flight is not null; flight = flight.Next)
                {
                    if (flight.Next == this)
                    {
                        flight.Next = Next;
                    }
                }
            }

            _ended?.TrySetResult();
        }
    }

    internal sealed class Shard
    {
        public Dictionary<FileKey, Flight> Flights { get; } = [];
    }
}
