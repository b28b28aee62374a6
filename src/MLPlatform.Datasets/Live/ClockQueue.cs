using System.Diagnostics.CodeAnalysis;

namespace MLPlatform.Datasets;

/// <summary>Candidates for being forgotten, oldest first, with a cost each. Any thread may call it; it takes no other lock.</summary>
internal sealed class ClockQueue<T>
    where T : class
{
    private readonly Lock _lock = new();
    private readonly Queue<Ticket> _queue = new();
    private long _cost;

    public bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _queue.Count == 0;
            }
        }
    }

    public Ticket Add(T item, int cost)
    {
        lock (_lock)
        {
            var ticket = new Ticket(item) { Cost = cost };
            _queue.Enqueue(ticket);
            _cost += cost;
            return ticket;
        }
    }

    /// <summary>Changes what a candidate costs; without effect once it was taken out.</summary>
    public void Recost(Ticket ticket, int cost)
    {
        lock (_lock)
        {
            if (!ticket.IsTaken)
            {
                _cost += cost - ticket.Cost;
                ticket.Cost = cost;
            }
        }
    }

    /// <summary>Takes out the oldest when all together cost more than <paramref name="limit"/>, or when it has outlived its use.</summary>
    /// <param name="isOutlived">Asked about the oldest; null: never.</param>
    public bool TryTake(long limit, Func<T, bool>? isOutlived, [NotNullWhen(true)] out T? item)
    {
        item = null;
        if (isOutlived is null && Interlocked.Read(ref _cost) <= limit)
        {
            return false;
        }

        lock (_lock)
        {
            if (!_queue.TryPeek(out Ticket? oldest) || (_cost <= limit && isOutlived?.Invoke(oldest.Item) != true))
            {
                return false;
            }

            _queue.Dequeue();
            oldest.IsTaken = true;
            _cost -= oldest.Cost;
            item = oldest.Item;
            return true;
        }
    }

    /// <summary>A place in the queue.</summary>
    internal sealed class Ticket(T item)
    {
        public T Item { get; } = item;

        public int Cost { get; set; }

        public bool IsTaken { get; set; }
    }
}
