namespace MLPlatform.Protocol;

/// <summary>A request without a response yet. Its caller may have gone; its credit comes back with the response all the same.</summary>
internal sealed class PendingRequest(int bytes)
{
    // Continuations run elsewhere: the loop has the next frame to read.
    private readonly TaskCompletionSource<ReceivedFrame> _response = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Bytes => bytes;

    public Task<ReceivedFrame> Response => _response.Task;

    /// <summary>Hands the frame over, or disposes it where nobody wants it any more.</summary>
    public void Complete(ReceivedFrame frame)
    {
        if (!_response.TrySetResult(frame))
        {
            frame.Dispose();
        }
    }

    public void Fail(Exception exception) => _response.TrySetException(exception);

    /// <returns>False when the response came first; the caller must take it.</returns>
    public bool TryAbandon(CancellationToken cancellationToken) => _response.TrySetCanceled(cancellationToken);
}
