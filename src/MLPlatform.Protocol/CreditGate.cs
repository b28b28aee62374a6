using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>What the other side still takes: requests, and bytes of them. Whoever finds too little waits in order. Any thread may call it.</summary>
internal sealed class CreditGate(int requests, int bytes)
{
    private readonly int _limitBytes = bytes;
    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = [];
    private int _requests = requests;
    private int _bytes = bytes;
    private CacheException? _failure;

    /// <summary>Takes one request of so many bytes; <see cref="Return"/> gives it back.</summary>
    /// <exception cref="CacheException">The connection has ended.</exception>
    public async ValueTask TakeAsync(int size, CancellationToken cancellationToken)
    {
        Invariant.That(size <= _limitBytes, "a request fits the other side's window");
        LinkedListNode<Waiter> node;
        lock (_lock)
        {
            if (_failure is not null)
            {
                throw _failure;
            }

            if (_waiters.Count == 0 && _requests > 0 && _bytes >= size)
            {
                _requests--;
                _bytes -= size;
                return;
            }

            node = _waiters.AddLast(new Waiter(size));
        }

        using CancellationTokenRegistration registration = cancellationToken.Register(() =>
        {
            lock (_lock)
            {
                if (node.List is null)
                {
                    return;
                }

                _waiters.Remove(node);
                AdmitUnsynchronized();
            }

            node.Value.Admitted.TrySetCanceled(cancellationToken);
        });
        await node.Value.Admitted.Task;
    }

    public void Return(int size)
    {
        lock (_lock)
        {
            _requests++;
            _bytes += size;
            AdmitUnsynchronized();
        }
    }

    /// <summary>Nobody gets anything any more.</summary>
    public void Fail(CacheException failure)
    {
        lock (_lock)
        {
            _failure ??= failure;
            foreach (Waiter waiter in _waiters)
            {
                waiter.Admitted.TrySetException(failure);
            }

            _waiters.Clear();
        }
    }

    private void AdmitUnsynchronized()
    {
        while (_waiters.First is { } first && _requests > 0 && _bytes >= first.Value.Size)
        {
            _requests--;
            _bytes -= first.Value.Size;
            _waiters.RemoveFirst();
            first.Value.Admitted.TrySetResult();
        }
    }

    private sealed class Waiter(int size)
    {
        public int Size => size;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
