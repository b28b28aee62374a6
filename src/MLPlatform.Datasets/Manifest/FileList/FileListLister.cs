using System.Runtime.CompilerServices;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Adds what a file list names to a <see cref="ManifestBuilder"/>: files, and everything below directories. What the columns of the list say is believed where
/// the store tells versions by ETag, since a wrong word then shows when the bytes are read; everything else is looked up, many at once. It holds a bounded number of records.
/// </summary>
internal static class FileListLister
{
    // A question after one name costs a store about a fourth of a page of a listing, and answers a thousandth of it.
    private const int StatsPerListing = 4;

    private const int MaxBatch = 1000;

    /// <exception cref="CacheException"><c>NotFound</c>: the store lacks some; their names are in <paramref name="missing"/>.</exception>
    public static async Task AddAsync(ManifestBuilder builder, int mount, IUnderStore store, FileListReader list, string name, MissingFiles missing, TreeListerOptions options, CancellationToken cancellationToken)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Parallelism * StatsPerListing, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(BatchesAsync(list, name, store.ReadsAreGuarded, cancellationToken), parallel, async (batch, token) =>
        {
            if (batch is [{ Known: null } one])
            {
                await AddOneAsync(builder, mount, store, one, missing, token);
            }
            else
            {
                await AddEntriesAsync(builder, mount, store, [.. batch.Select(static record => record.Known!)], token);
            }
        });
        if (missing.Names is [(var line, var path), ..])
        {
            string what = missing.Count == 1 ? $"{name}, line {line}: '{path}' is" : $"{missing.Count} names of {name} are";
            string first = missing.Count == 1 ? "" : $", the first in line {line}: '{path}'";
            throw new CacheException(CacheError.NotFound, $"{what} not in {store.Uri}{first}; nothing was changed.");
        }
    }

    /// <summary>Records whose columns are believed, some at a time; the others one by one.</summary>
    private static async IAsyncEnumerable<IReadOnlyList<FileListRecord>> BatchesAsync(FileListReader list, string name, bool isBelieved, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<FileListRecord> known = [];
        while (await list.MoveNextAsync(cancellationToken))
        {
            if (FileListRecord.Parse(list.Record, list.Line, name) is not { } record)
            {
                continue;
            }

            if (record.Known is null || !isBelieved)
            {
                yield return [record with { Known = null }];
                continue;
            }

            known.Add(record);
            if (known.Count == MaxBatch)
            {
                yield return known;
                known = [];
            }
        }

        if (known.Count > 0)
        {
            yield return known;
        }
    }

    private static async Task AddOneAsync(ManifestBuilder builder, int mount, IUnderStore store, FileListRecord record, MissingFiles missing, CancellationToken cancellationToken)
    {
        SkipReason reason = PosixNames.Check(record.Path);
        if (reason != SkipReason.None)
        {
            await builder.AddSkippedAsync(mount, record.Path, reason, cancellationToken);
            return;
        }

        if (await store.StatAsync(record.Path, cancellationToken) is not { } entry)
        {
            missing.Add(record);
            return;
        }

        await AddEntriesAsync(builder, mount, store, [entry], cancellationToken);
        if (entry.Kind == StoreEntryKind.Directory)
        {
            await AddBelowAsync(builder, mount, store, record.Path, cancellationToken);
        }
    }

    private static async Task AddBelowAsync(ManifestBuilder builder, int mount, IUnderStore store, byte[] directory, CancellationToken cancellationToken)
    {
        var units = new Stack<ListUnit>();
        units.Push(directory.Length == 0 ? ListUnit.Everything : new ListUnit([.. directory, (byte)'/']));
        while (units.TryPop(out ListUnit? unit))
        {
            await foreach (ListPage page in store.ListUnitAsync(unit, cancellationToken))
            {
                await AddEntriesAsync(builder, mount, store, page.Entries, cancellationToken);
                foreach (ListUnit split in page.Split)
                {
                    units.Push(split);
                }
            }
        }
    }

    private static async ValueTask AddEntriesAsync(ManifestBuilder builder, int mount, IUnderStore store, IReadOnlyList<StoreEntry> entries, CancellationToken cancellationToken)
    {
        StoreEntry[] shards = [.. entries.Where(entry => builder.IsShard(mount, entry))];
        await builder.AddAsync(mount, shards.Length == 0 ? entries : [.. entries.Where(entry => !builder.IsShard(mount, entry))], cancellationToken);
        foreach (StoreEntry shard in shards)
        {
            await new ShardIndexer(builder, mount, store).AddAsync(shard, null, cancellationToken);
        }
    }
}
