using MLPlatform.UnderStore;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>A store under contract with a back door for its content. Its disposal takes all it made along.</summary>
internal abstract class ContractStore : IAsyncDisposable
{
    public abstract IUnderStore Store { get; }

    /// <summary>Keys are any text, and directories are only what keys begin with.</summary>
    public abstract bool IsObjectStore { get; }

    public abstract Task PutAsync(string path, byte[] content);

    public abstract Task DeleteAsync(string path);

    /// <summary>Descriptors or connections that reads hold open at this moment.</summary>
    public abstract int OpenHandles();

    public abstract ValueTask DisposeAsync();

    public async Task PutAllAsync(IEnumerable<KeyValuePair<string, byte[]>> files) =>
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (file, _) => await PutAsync(file.Key, file.Value));
}
