using MLPlatform.Core;

namespace MLPlatform.UnderStore;

/// <summary>
/// A place where datasets live. Any thread may call it; it keeps no copy of anything. Faults are <see cref="CacheException"/>s
/// whose message names the object and the cause and never a secret. Transient faults are tried again inside, within
/// the store's own retry budget and the caller's deadline; when that ends first, the <see cref="OperationCanceledException"/>
/// has the last fault as its inner exception. Names that POSIX cannot hold are given as the store has them; who shows them leaves them out.
/// </summary>
public interface IUnderStore : IAsyncDisposable
{
    /// <summary>Canonical URI without credentials, no trailing slash: <c>s3://bucket/prefix</c>, <c>file:///data</c>.</summary>
    string Uri { get; }

    /// <summary>Tells apart who may see what: stores with equal URIs and equal scopes give equal answers. Holds no secret; goes into keys of caches.</summary>
    string Scope => "";

    /// <summary>True when every byte handed to a sink is known to be of the wanted version as it arrives (S3: If-Match).
    /// False: the version is checked after the last byte, and a read that fails then has handed out doubtful bytes.</summary>
    bool ReadsAreGuarded { get; }

    /// <summary>How many ranged reads at once this store is worth; adapts to throttling.</summary>
    int SuggestedParallelism { get; }

    /// <summary>Requests, bytes, retries and errors since start.</summary>
    UnderStoreCounters Counters { get; }

    /// <summary>Fails, with the sentence a user needs, when the store cannot be reached or the root does not exist. An empty S3 prefix of an existing bucket is an empty dataset.</summary>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>What is at a path, or null. On S3 a path that prefixes other keys is a directory, and shadows a key of its own name.</summary>
    /// <param name="path">As in <see cref="StoreEntry.Path"/>; empty for the root.</param>
    ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken);

    /// <summary>One level of the tree, in no promised order, page by page. Subdirectories appear as <see cref="StoreEntryKind.Directory"/>; on S3 a key and a common prefix of one name both appear.</summary>
    /// <param name="directory">Path bytes without a trailing slash; empty for the root.</param>
    /// <exception cref="CacheException"><c>NotFound</c>, where the store can tell a missing directory from an empty one (S3 cannot).</exception>
    IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, CancellationToken cancellationToken);

    /// <summary>Everything in a unit, recursively. The whole of a store is what <see cref="ListUnit.Everything"/> and all units split off it yield, each entry once.</summary>
    IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, CancellationToken cancellationToken);

    /// <summary>Reads bytes <paramref name="offset"/> … <paramref name="offset"/> + <paramref name="count"/> of one version; returns when all have gone to the sink.</summary>
    /// <param name="offset">Counted from <see cref="StoreObject.Offset"/>.</param>
    /// <param name="count">At least 1; the range lies inside <see cref="StoreObject.Size"/>.</param>
    /// <exception cref="CacheException"><c>VersionChanged</c>: the object is another one by now; <c>NotFound</c>: it is gone.</exception>
    Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken);

    /// <summary>The local file behind an object, for reads that the kernel serves by itself; null where the store is not a local disk, and for a range of an object.</summary>
    /// <returns>An open read-only descriptor that the caller closes, checked against the wanted version.</returns>
    /// <exception cref="CacheException"><c>VersionChanged</c>, <c>NotFound</c>, <c>AccessDenied</c>.</exception>
    Microsoft.Win32.SafeHandles.SafeFileHandle? OpenLocal(StoreObject storeObject);
}
