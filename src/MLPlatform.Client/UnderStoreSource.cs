using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Client;

/// <summary>Reads each range from the file's own under-store. Keeps nothing.</summary>
public sealed class UnderStoreSource : IRangeSource
{
    public bool IsGuarded(FileVersion file) => file.Store.ReadsAreGuarded;

    public int SuggestedParallelism(FileVersion file) => file.Store.SuggestedParallelism;

    public Task ReadAsync(FileVersion file, long offset, long count, IReadSink sink, CancellationToken cancellationToken) =>
        file.Store.ReadAsync(file.Object, offset, count, sink, cancellationToken);
}
