using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Client;

/// <summary>One ranged read that a test leads step by step.</summary>
internal sealed class StoreCall(ulong seed, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
{
    // Bytes go over in pieces of what a socket gives, whatever the sink would take.
    private const int PieceBytes = 96 << 10;

    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _delivered;

    public long Offset => offset;

    public long Count => count;

    public long End => offset + count;

    public CancellationToken CancellationToken => cancellationToken;

    public Task Task => _end.Task;

    /// <summary>Hands over the next bytes.</summary>
    public void Deliver(long bytes)
    {
        while (bytes > 0)
        {
            Memory<byte> buffer = sink.NextBuffer;
            int piece = (int)Math.Min(Math.Min(bytes, PieceBytes), buffer.Length);
            Content.Fill(seed, offset + _delivered, buffer.Span[..piece]);
            sink.Advance(piece);
            _delivered += piece;
            bytes -= piece;
        }
    }

    public void DeliverRest() => Deliver(count - _delivered);

    public void Return() => _end.TrySetResult();

    public void Complete()
    {
        DeliverRest();
        Return();
    }

    public void Fail(Exception fault) => _end.TrySetException(fault);
}
