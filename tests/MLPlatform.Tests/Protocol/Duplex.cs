using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Protocol;

namespace MLPlatform.Tests.Protocol;

/// <summary>Two transports in memory that are each other's other end. The pipes hold little, so that backpressure is met.</summary>
internal sealed class Duplex(Pipe input, Pipe output) : IFrameTransport
{
    public PipeReader Input => input.Reader;

    public PipeWriter Output => output.Writer;

    public string Peer => "the other end";

    public static (Duplex Near, Duplex Far) Make()
    {
        PipeOptions options = new(pauseWriterThreshold: 8192, resumeWriterThreshold: 4096, useSynchronizationContext: false);
        Pipe there = new(options);
        Pipe back = new(options);
        return (new Duplex(back, there), new Duplex(there, back));
    }

    public void Attach(long position, ReadOnlySpan<SafeFileHandle> descriptors) => throw new InvalidOperationException("No descriptors go through memory.");

    public bool TryTake(long position, int count, out SafeFileHandle[] descriptors)
    {
        descriptors = [];
        return count == 0;
    }

    public ValueTask DisposeAsync()
    {
        input.Writer.Complete();
        input.Reader.CancelPendingRead();
        output.Writer.Complete();
        output.Reader.CancelPendingRead();
        return ValueTask.CompletedTask;
    }
}
