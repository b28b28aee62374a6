using System.Security.Cryptography;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>Turns what a user named into a tree that can be mounted.</summary>
public sealed class DatasetOpener(Catalogue catalogue)
{
    /// <summary>
    /// Opens a dataset at a version, or a raw source: live at once, pinned when its listing is complete. Stores are asked whether they are there wherever
    /// nothing is pinned yet; a pinned version opens without them.
    /// </summary>
    /// <exception cref="CacheException">One sentence for the user: unknown dataset or version, a store that cannot be reached, options that exclude each other.</exception>
    public async Task<MountedDataset> OpenAsync(SourceReference source, DatasetOpenOptions options, CancellationToken cancellationToken)
    {
        options.LiveTree.Check();
        string? version = source.Version ?? options.Version;
        Exclude(source.Version is not null && options.Version is not null && source.Version != options.Version, "Two versions are wanted; give one of NAME@VERSION and --version.");
        Exclude(options.Live && options.Follow, "--live and --follow exclude each other: a live mount shows changes anyway.");
        Exclude(options.Live && version is not null, "--live and a version exclude each other: a live mount has no versions.");
        Exclude(options.Live && options.Wait, "--live and --wait exclude each other: a live mount lists nothing first.");
        Exclude(options.Follow && version is not null, "--follow and a version exclude each other: a pinned mount does not move.");
        if (source.Dataset is { } dataset)
        {
            return options.Live ? await OpenLiveDatasetAsync(dataset, options, cancellationToken) : await OpenPinnedAsync(dataset, version, options);
        }

        Exclude(version is not null, $"{source.Text} has no versions of its own; make it a dataset with `mlp dataset add NAME {source.Text}`, or leave the version out.");
        Exclude(options.Follow, $"{source.Text} has no versions to follow; make it a dataset with `mlp dataset add NAME {source.Text}`, or mount it with --live.");
        return await OpenRawAsync(source, options, cancellationToken);
    }

    private static void Exclude(bool isBoth, string message)
    {
        if (isBoth)
        {
            throw new CacheException(CacheError.Configuration, message);
        }
    }

    private async Task<MountedDataset> OpenPinnedAsync(string dataset, string? wanted, DatasetOpenOptions options)
    {
        DatasetDefinition definition = catalogue.Definition(dataset);
        DatasetFolder folder = catalogue.Require(dataset);
        await using var opened = new Undo();
        MountRegistration registration = opened.Add(Translate(() => folder.Register(null, options.Directory)));
        DatasetVersionId version = catalogue.Resolve(dataset, wanted);
        registration.Update(version); // Whoever prunes from here on leaves it alone; who did so just before is found out by opening it.
        Manifest manifest = opened.Add(folder.OpenManifest(version));
        var stores = new StoreTable(dataset, definition.Sources, catalogue.OpenStores(definition, options.Store));
        opened.Add(() => Catalogue.DisposeAsync(stores.Stores));
        var pinned = new ManifestTree(manifest, stores.For(manifest));
        if (!options.Follow)
        {
            return new MountedDataset(pinned, stores.Stores, opened.Commit());
        }

        opened.Forget(manifest); // The tree's own from here on.
        SwitchingTree tree = SwitchingTree.StartPinned(pinned, catalogue.Time);
        opened.Add(tree.DisposeAsync);
        var follower = new VersionFollower(folder, tree, stores, registration, options.FollowInterval, catalogue.Time, catalogue.Logger);
        opened.AddTask(follower.RunAsync);
        return new MountedDataset(tree, stores.Stores, opened.Commit());
    }

    private async Task<MountedDataset> OpenLiveDatasetAsync(string dataset, DatasetOpenOptions options, CancellationToken cancellationToken)
    {
        DatasetDefinition definition = catalogue.Definition(dataset);
        DatasetFolder folder = catalogue.Require(dataset);
        await using var opened = new Undo();
        opened.Add(Translate(() => folder.Register(null, options.Directory)));
        var stores = new StoreTable(dataset, definition.Sources, catalogue.OpenStores(definition, options.Store));
        opened.Add(() => Catalogue.DisposeAsync(stores.Stores));
        await Task.WhenAll(stores.Stores.Select(store => store.CheckAsync(cancellationToken)));
        ulong known;
        using (Manifest? current = catalogue.OpenPrevious(folder, folder.ReadCurrentOrNone()))
        {
            known = current?.NextInode ?? 0;
        }

        InodeReservations reservations = folder.OpenInodes(known).Prepare();
        opened.Add(reservations.DisposeAsync);
        var tree = new LiveTree(dataset, stores.Mounts, reservations, options.LiveTree, catalogue.Time);
        opened.Add(tree.DisposeAsync);
        return new MountedDataset(tree, stores.Stores, opened.Commit());
    }

    private async Task<MountedDataset> OpenRawAsync(SourceReference reference, DatasetOpenOptions options, CancellationToken cancellationToken)
    {
        await using var opened = new Undo();

        // The folder's name is a hash, and the first hash of a process loads OpenSSL, as long as a store takes to answer.
        Task warmed = Task.Run(static () => _ = SHA256.HashData([]), CancellationToken.None);
        StoreReference how = StoreReference.From(options.Store);
        IUnderStore store = catalogue.OpenStores([new DatasetSource("", reference.Uri!, how)], options.Store)[0];
        opened.Add(store.DisposeAsync);
        await store.CheckAsync(cancellationToken);
        await warmed;
        var source = new DatasetSource("", store.Uri, how);
        var stores = new StoreTable(store.Uri, [source], [store]);
        SourceFolder folder = opened.Add(catalogue.OpenSource(source));
        MountRegistration registration = opened.Add(Translate(() => folder.Register(options.Directory)));
        if (options.KnownVersion is { } known && folder.TryOpenVersion(known) is { } kept)
        {
            opened.Add(kept);
            registration.Update(known);
            return new MountedDataset(new ManifestTree(kept, stores.For(kept)), [store], opened.Commit());
        }

        Manifest? previous = folder.OpenPrevious(catalogue);
        if (previous is not null)
        {
            opened.Add(previous);
        }

        InodeReservations reservations = folder.OpenInodes(previous?.NextInode ?? 0);
        opened.Add(reservations.DisposeAsync);
        var inodes = new LiveInodes(options.Wait ? reservations : reservations.Prepare(), previous);
        var live = new LiveTree(store.Uri, stores.Mounts, inodes, options.LiveTree, catalogue.Time);
        if (options.Live)
        {
            opened.Add(live.DisposeAsync);
            return new MountedDataset(live, [store], opened.Commit());
        }

        var building = new DatasetBuildOptions { Store = options.Store, Budget = options.Budget };
        if (options.Wait)
        {
            await live.DisposeAsync();
            Manifest listed = opened.Add(await folder.ListAsync(catalogue, previous, inodes, building with { Progress = options.Progress }, cancellationToken));
            registration.Update(listed.Digest);
            return new MountedDataset(new ManifestTree(listed, stores.For(listed)), [store], opened.Commit());
        }

        inodes.Tree = live;
        SwitchingTree tree = SwitchingTree.StartLive(live, catalogue.Time);
        opened.Add(tree.DisposeAsync);
        building = building with { Progress = new ProgressOf(tree, options.Progress) };
        var listing = new BackgroundListing(catalogue, folder, tree, stores, inodes, previous, building, registration);
        opened.AddTask(listing.RunAsync);
        await Task.WhenAny(tree.WhenPinned, Task.Delay(options.HeadStart, catalogue.Time, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        return new MountedDataset(tree, [store], opened.Commit());
    }

    private T Translate<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, catalogue.Root);
        }
    }

    private sealed class ProgressOf(SwitchingTree tree, IProgress<ListProgress>? next) : IProgress<ListProgress>
    {
        public void Report(ListProgress value)
        {
            tree.SetProgress(value);
            next?.Report(value);
        }
    }

    /// <summary>What was opened so far: closed in reverse when opening fails, handed over as one action when it succeeds.</summary>
    private sealed class Undo : IAsyncDisposable
    {
        private readonly Stack<(object Key, Func<ValueTask> Close)> _opened = new();
        private bool _isCommitted;

        public T Add<T>(T opened)
            where T : IDisposable
        {
            _opened.Push((opened, () =>
            {
                opened.Dispose();
                return ValueTask.CompletedTask;
            }));
            return opened;
        }

        public void Add(Func<ValueTask> close) => _opened.Push((close, close));

        /// <summary>Starts something that goes on until closing.</summary>
        public void AddTask(Func<CancellationToken, Task> run)
        {
            var stop = new CancellationTokenSource();
            Task running = run(stop.Token);
            Add(async () =>
            {
                await stop.CancelAsync();
                await running;
                stop.Dispose();
            });
        }

        public void Forget(object opened)
        {
            (object Key, Func<ValueTask> Close)[] kept = [.. _opened.Where(one => !ReferenceEquals(one.Key, opened)).Reverse()];
            _opened.Clear();
            foreach ((object Key, Func<ValueTask> Close) one in kept)
            {
                _opened.Push(one);
            }
        }

        public Func<ValueTask> Commit()
        {
            _isCommitted = true;
            return CloseAsync;
        }

        public ValueTask DisposeAsync() => _isCommitted ? ValueTask.CompletedTask : CloseAsync();

        private async ValueTask CloseAsync()
        {
            while (_opened.TryPop(out (object Key, Func<ValueTask> Close) one))
            {
                await one.Close();
            }
        }
    }
}
