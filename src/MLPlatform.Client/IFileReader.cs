using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Client;

/// <summary>Reads ranges of file versions. Any thread may call it.</summary>
public interface IFileReader
{
    /// <summary>Answers from bytes at hand. Never waits, allocates nothing.</summary>
    /// <returns>False when any byte is missing, and nothing has happened then.</returns>
    bool TryRead(ulong inode, long offset, int count, out ReadLease lease);

    /// <summary>Fetches what is missing and waits for it. The token ends this wait only; a fetch that nobody waits for any more is cancelled.</summary>
    /// <exception cref="CacheException">After the store's retries: its own error; <c>DeadlineExceeded</c> names the object and the last cause.</exception>
    ValueTask<ReadLease> ReadAsync(FileVersion file, long offset, int count, CancellationToken cancellationToken);

    /// <summary>No reader is left: drop what is held for this file.</summary>
    void Close(ulong inode);
}
