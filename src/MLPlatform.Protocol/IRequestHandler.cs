namespace MLPlatform.Protocol;

/// <summary>Answers the other side's requests. Called on pool threads, for several requests at once.</summary>
public interface IRequestHandler
{
    /// <param name="request">Disposed by the caller after this has ended.</param>
    /// <param name="cancellationToken">Ends with the request's deadline, with its cancellation, and with the connection.</param>
    /// <exception cref="MLPlatform.Core.CacheException">Goes to the other side with its code and its sentence.</exception>
    ValueTask<FrameReply> HandleAsync(FrameConnection connection, ReceivedFrame request, CancellationToken cancellationToken);

    /// <summary>The connection has ended; no request of it comes any more, and those under way are cancelled. Called once.</summary>
    void Ended(FrameConnection connection);
}
