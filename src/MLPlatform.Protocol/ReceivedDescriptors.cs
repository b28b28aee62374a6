using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Protocol;

/// <summary>
/// Descriptors that have come, each batch with the bytes among which it came. The kernel ends a recvmsg(2) behind the message that carried descriptors, so a batch
/// belongs to a frame that begins among those bytes. Any thread may call it.
/// </summary>
internal sealed class ReceivedDescriptors : IDisposable
{
    // A frame's descriptors are taken when its header is there, and the batch behind it is proof that it is. So a few always drain by themselves.
    private const int MaxBatches = 16;

    private readonly Lock _lock = new();
    private readonly Queue<(long Start, long End, SafeFileHandle[] Descriptors)> _batches = new();
    private TaskCompletionSource? _room;
    private bool _isDisposed;

    /// <summary>Ends when a few more may come.</summary>
    public Task Room
    {
        get
        {
            lock (_lock)
            {
                return _isDisposed || _batches.Count < MaxBatches
                    ? Task.CompletedTask
                    : (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }
    }

    public void Add(long start, long end, SafeFileHandle[] descriptors)
    {
        lock (_lock)
        {
            if (!_isDisposed)
            {
                _batches.Enqueue((start, end, descriptors));
                return;
            }
        }

        Close(descriptors);
    }

    /// <summary>As <see cref="IFrameTransport.TryTake"/>.</summary>
    public bool TryTake(long position, int count, out SafeFileHandle[] descriptors)
    {
        descriptors = [];
        lock (_lock)
        {
            if (!_batches.TryPeek(out (long Start, long End, SafeFileHandle[] Descriptors) first) || first.End <= position)
            {
                return count == 0 && _batches.Count == 0;
            }

            if (count == 0)
            {
                return true;
            }

            if (first.Start > position || first.Descriptors.Length != count)
            {
                return false;
            }

            _batches.Dequeue();
            descriptors = first.Descriptors;
            _room?.TrySetResult();
            _room = null;
            return true;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            while (_batches.TryDequeue(out (long Start, long End, SafeFileHandle[] Descriptors) batch))
            {
                Close(batch.Descriptors);
            }

            _room?.TrySetResult();
        }
    }

    private static void Close(SafeFileHandle[] descriptors)
    {
        foreach (SafeFileHandle descriptor in descriptors)
        {
            descriptor.Dispose();
        }
    }
}
