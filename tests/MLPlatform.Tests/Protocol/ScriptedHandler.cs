using System.Buffers.Binary;
using MLPlatform.Core;
using MLPlatform.Protocol;

namespace MLPlatform.Tests.Protocol;

/// <summary>Method 1 echoes, 2 fails with <c>DeviceFull</c>, 3 waits until it is given up, 4 is a bug.</summary>
internal sealed class ScriptedHandler : IRequestHandler
{
    private int _active;
    private int _peak;

    public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource GivenUp { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Gone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Peak => Volatile.Read(ref _peak);

    public async ValueTask<FrameReply> HandleAsync(FrameConnection connection, ReceivedFrame request, CancellationToken cancellationToken)
    {
        int active = Interlocked.Increment(ref _active);
        for (int peak = Peak; active > peak && Interlocked.CompareExchange(ref _peak, active, peak) != peak; peak = Peak)
        {
        }

        try
        {
            switch (request.Method)
            {
                case 1:
                    await Task.Yield();
                    return new FrameReply(new FramePayload(request.Payload.ToArray()));
                case 2:
                    throw new CacheException(CacheError.DeviceFull, "It is full.");
                case 3:
                    Waiting.TrySetResult();
                    try
                    {
                        await Task.Delay(Timeout.Infinite, cancellationToken);
                    }
                    finally
                    {
                        GivenUp.TrySetResult();
                    }

                    return default;
                default:
                    throw new InvalidOperationException("a bug");
            }
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }

    public void Ended(FrameConnection connection) => Gone.TrySetResult();

    public static byte[] Number(int number)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        return bytes;
    }
}
