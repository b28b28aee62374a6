using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Client;

/// <summary>
/// Where the reader's parts come from. Any thread may call it. The reader asks for each byte once at a time, so a source need not
/// merge equal requests; what lies behind it (a store, or tiers in front of one) the reader does not know.
/// </summary>
public interface IRangeSource
{
    /// <summary>True when bytes handed to a sink are known to be of the wanted version as they arrive; else they are doubtful until the read has returned.</summary>
    bool IsGuarded(FileVersion file);

    /// <summary>How many reads at once are worth while for this file's store; at least 1, may change at any time. Asked often and under locks: a plain read of a number.</summary>
    int SuggestedParallelism(FileVersion file);

    /// <summary>Reads a range that lies inside the file; returns when all of it has gone to the sink.</summary>
    /// <exception cref="MLPlatform.Core.CacheException">The source's own retries are over.</exception>
    /// <exception cref="OperationCanceledException">The token ended; the inner exception is the last cause of a retry, if there was one.</exception>
    Task ReadAsync(FileVersion file, long offset, long count, IReadSink sink, CancellationToken cancellationToken);
}
