using MLPlatform.Core;

namespace MLPlatform.UnderStore.Retry;

/// <summary>What an operation carries from one attempt to the next.</summary>
internal abstract class RetryState
{
    /// <summary>Set by an attempt that brought bytes before it failed: the store is not dead, so waits start small again.</summary>
    public bool MadeProgress { get; set; }

    /// <summary>Failures in a row after which the last one is reported; a reader with a deadline has no other limit.</summary>
    public int MaxFailures { get; init; } = int.MaxValue;

    /// <summary>Transient failures that this operation's caller wants to hear of at once; null is none.</summary>
    public Func<CacheException, bool>? Reports { get; init; }
}
