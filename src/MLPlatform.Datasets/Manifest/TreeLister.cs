using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Lists whole stores into a <see cref="ManifestBuilder"/>, many enumerations at once. Where the builder is resumable it goes on from the units that an
/// interrupted listing left open. Retries are the stores' own.
/// </summary>
public static class TreeLister
{
    /// <summary>Lists every store of the builder's mounts completely.</summary>
    /// <param name="stores">One per mount, in the builder's order.</param>
    public static async Task ListAsync(ManifestBuilder builder, IReadOnlyList<IUnderStore> stores, TreeListerOptions options, CancellationToken cancellationToken)
    {
        Invariant.That(stores.Count == builder.Mounts.Count);
        using var queue = new UnitQueue(builder.StartListing(), options.Parallelism);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            await RunAllAsync(options.Parallelism, () => WorkAsync(builder, stores, queue, options, stop.Token), stop);
        }
        catch (Exception e) when (e is OperationCanceledException or CacheException { Error: not (CacheError.DeviceFull or CacheError.DeviceFailed) })
        {
            // Whoever lists again goes on from here. The caller's token may be spent, and the disk answers in its own time.
            await builder.CheckpointAsync(CancellationToken.None);
            throw;
        }
    }

    private static async Task WorkAsync(ManifestBuilder builder, IReadOnlyList<IUnderStore> stores, UnitQueue queue, TreeListerOptions options, CancellationToken cancellationToken)
    {
        await Task.Yield(); // A store that answers at once would keep the first worker's caller from starting the second.
        while (await queue.TakeAsync(cancellationToken) is { } unit)
        {
            if (unit.Shard is { } shard)
            {
                await new ShardIndexer(builder, unit.Mount, stores[unit.Mount]).AddAsync(shard, unit, cancellationToken);
                queue.Done();
                continue;
            }

            OpenUnit? current = unit;
            await foreach (ListPage page in stores[unit.Mount].ListUnitAsync(unit.Unit, cancellationToken))
            {
                Invariant.That(current is not null, "a store goes on after its last page");
                (OpenUnit? next, IReadOnlyList<OpenUnit> split) = await builder.AddPageAsync(current, page, cancellationToken);
                current = next;
                queue.Add(split);
                options.PageTaken?.Invoke(page);
            }

            if (current is not null)
            {
                await builder.CloseUnitAsync(current, cancellationToken);
            }

            queue.Done();
        }
    }

    /// <summary>Runs workers; the first that fails stops the others, and its fault, not their being stopped, is thrown.</summary>
    private static async Task RunAllAsync(int count, Func<Task> work, CancellationTokenSource stop)
    {
        var workers = new List<Task>(count);
        for (int i = 0; i < count; i++)
        {
            workers.Add(work());
        }

        Exception? fault = null;
        while (workers.Count > 0)
        {
            Task done = await Task.WhenAny(workers);
            workers.Remove(done);
            if (!done.IsCompletedSuccessfully)
            {
                await stop.CancelAsync();
                fault ??= done.Exception?.InnerException;
            }
        }

        if (fault is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
        }

        stop.Token.ThrowIfCancellationRequested();
    }
}
