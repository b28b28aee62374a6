namespace MLPlatform.Core;

/// <summary>
/// A fault with its <see cref="CacheError"/>. The message is one sentence that names the thing and, where there is one,
/// the remedy; it is shown to users and must hold no secret.
/// </summary>
public sealed class CacheException : Exception
{
    public CacheException(CacheError error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    public CacheError Error { get; }

    /// <summary>True where the same request may succeed later.</summary>
    public bool IsTransient => Error is CacheError.Throttled or CacheError.Unreachable;
}
