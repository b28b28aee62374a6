using System.Text.Json;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

// Whatever writes. One process at a time per dataset, held by its lock.
public sealed partial class Catalogue
{
    // For messages: where the user's own file was is not remembered, its lines are.
    private const string FileListTitle = "the file list";

    /// <summary>Adds a dataset and, unless told not to, lists its stores into a first version.</summary>
    /// <param name="list">False: only the definition is written, <see cref="SyncAsync"/> lists later.</param>
    /// <returns>Null when nothing was listed.</returns>
    /// <exception cref="CacheException"><c>Configuration</c>: the name is taken or wrong, or the sources contradict each other; a store's own fault where one cannot be reached. Once the
    /// stores were found in order the dataset exists, also when its listing fails: <see cref="SyncAsync"/> goes on with it.</exception>
    public Task<DatasetSyncResult?> AddAsync(DatasetDefinition definition, bool list, DatasetBuildOptions options, CancellationToken cancellationToken) =>
        AddAsync(definition with { FileList = false }, null, list, options, cancellationToken);

    /// <summary>As above, of the files that a list names instead of all there are. The list is kept and used again by <see cref="SyncAsync"/>.</summary>
    /// <exception cref="CacheException">As above; <c>Configuration</c>: a record of the list is wrong; <c>NotFound</c>: the store lacks some of the files. Either way there is no dataset then.</exception>
    public async Task<DatasetSyncResult?> AddAsync(DatasetDefinition definition, FileListInput? files, bool list, DatasetBuildOptions options, CancellationToken cancellationToken)
    {
        definition = definition with { FileList = files is not null };
        definition.Check();
        ThrowIfTaken(definition.Name); // Again under the lock; but before stores are asked.
        IReadOnlyList<IUnderStore> stores = OpenStores(definition.Sources, options.Store);
        try
        {
            await Task.WhenAll(stores.Select(store => store.CheckAsync(cancellationToken)));
            definition = definition with
            {
                Created = _time.GetUtcNow(),

                // As the store spells it: a relative path means nothing tomorrow.
                Sources = [.. definition.Sources.Zip(stores, static (source, store) => source with { Uri = store.Uri, Store = Absolute(source.Store) })],
            };
        }
        finally
        {
            await DisposeAsync(stores);
        }

        string? unborn = null;
        try
        {
            unborn = files is null ? null : await KeepListAsync(definition.Name, files, cancellationToken);
            await ChangeAsync(definition.Name, "mlp dataset add", options.LockDeadline, () => Create(definition, unborn), cancellationToken);
        }
        catch when (unborn is not null)
        {
            DeleteUnborn(unborn);
            throw;
        }

        if (!list)
        {
            return null;
        }

        try
        {
            return await SyncAsync(definition.Name, options, cancellationToken);
        }
        catch (CacheException) when (options.Missing.Count > 0)
        {
            await RemoveAsync(definition.Name, force: true, options.LockDeadline, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Lists the stores again and makes what they hold the current version, unless nothing changed.</summary>
    /// <exception cref="CacheException"><c>NotFound</c>: no such dataset; <c>Busy</c>: somebody else is at it; a store's own fault: then the current version stays.</exception>
    public async Task<DatasetSyncResult> SyncAsync(string name, DatasetBuildOptions options, CancellationToken cancellationToken)
    {
        DatasetDefinition definition = Definition(name);
        DatasetFolder folder = FolderOf(name);
        using FileLock held = await LockAsync(folder, "mlp dataset sync", options.LockDeadline, cancellationToken);
        _ = Require(name); // It may have been removed while we waited.
        DatasetVersionId? current = folder.ReadCurrentOrNone();
        using Manifest? previous = OpenPrevious(folder, current);
        InodeReservations inodes = folder.OpenInodes(previous?.NextInode ?? 0);
        ManifestBuildResult built = await BuildAsync(folder, definition.Name, definition.Sources, folder.WorkPath, previous, new ReservedInodes(inodes), isResumable: !definition.FileList, options, cancellationToken, definition);
        try
        {
            using Manifest now = folder.OpenManifest(built.Digest);
            ManifestDiff? diff = previous is null || built.Digest == previous.Digest ? null : ManifestDiff.Compare(previous, now, 0, cancellationToken);
            long names = now.Files + now.Links;
            if (built.Digest != current)
            {
                folder.Publish(built.Digest);
                CatalogueLog.VersionPublished(_logger, name, built.Digest.ToString(), now.Files, diff?.Added ?? names, diff?.Changed ?? 0, diff?.Removed ?? 0);
            }

            long added = previous is null ? names : diff?.Added ?? 0;
            long changed = diff?.Changed ?? 0;
            return new DatasetSyncResult(
                name,
                built.Digest,
                current,
                added,
                changed,
                diff?.Removed ?? 0,
                names - added - changed,
                previous is null ? now.Bytes : diff?.NewBytes ?? 0,
                now.Files,
                now.Directories,
                now.Bytes,
                now.Skipped,
                folder.Prune(definition.KeepVersions));
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, Root);
        }
    }

    /// <summary>Forgets a dataset and deletes its manifests; what its stores hold is not touched.</summary>
    /// <param name="force">Also while it is mounted: mounts go on with what they have.</param>
    /// <exception cref="CacheException"><c>NotFound</c>; <c>Busy</c>: it is mounted or being changed.</exception>
    public Task RemoveAsync(string name, bool force, TimeSpan lockDeadline, CancellationToken cancellationToken)
    {
        _ = Require(name);
        return ChangeAsync(name, "mlp dataset remove", lockDeadline, () =>
        {
            DatasetFolder folder = Require(name);
            if (!force && folder.Mounts() is [var mount, ..] mounts)
            {
                string others = mounts.Count > 1 ? $" and {mounts.Count - 1} more" : "";
                throw new CacheException(CacheError.Busy, $"Dataset {name} is mounted at {mount.Directory} by process {mount.Process}{others}; run `mlp umount {mount.Directory}` first, or force it.");
            }

            // In one step it is gone; deleting may then take its time, and be finished by another.
            string dead = Path.Combine(DatasetsPath, $"{DeadPrefix}{name}-{Guid.NewGuid():n}");
            _files.Rename(folder.Path, dead);
            _files.FlushDirectory(DatasetsPath);
            _files.DeleteTree(dead);
        }, cancellationToken);
    }

    internal async Task<ManifestBuildResult> BuildAsync(
        DatasetFolder folder,
        string dataset,
        IReadOnlyList<DatasetSource> sources,
        string workPath,
        Manifest? previous,
        IInodeSource inodes,
        bool isResumable,
        DatasetBuildOptions options,
        CancellationToken cancellationToken,
        DatasetDefinition? definition = null)
    {
        IReadOnlyList<IUnderStore> stores = OpenStores(sources, options.Store);
        try
        {
            await using ManifestBuilder builder = ManifestBuilder.Open(new ManifestBuilderOptions
            {
                DatasetName = dataset,
                Mounts = [.. sources.Zip(stores, static (source, store) => new ManifestMount(source.Path, store.Uri))],
                WorkDirectory = workPath,
                Previous = previous,
                Inodes = inodes,
                Budget = options.Budget,
                Resumable = isResumable,
                IndexTar = definition?.IndexTar ?? false,
                ResumeWithin = options.ResumeWithin,
                ListingKey = string.Join('\n', sources.Select(static source => $"{source.Store.EndpointUrl} {source.Store.Region}")),
                Time = _time,
                Progress = options.Progress,
            });
            TreeListerOptions listing = new() { Parallelism = options.Parallelism };
            if (definition is { FileList: true })
            {
                await AddListedAsync(builder, stores[0], folder, listing, options.Missing, cancellationToken);
            }
            else
            {
                await TreeLister.ListAsync(builder, stores, listing, cancellationToken);
            }

            return await builder.FinishAsync(folder.VersionsPath, cancellationToken);
        }
        finally
        {
            await DisposeAsync(stores);
        }
    }

    internal Manifest? OpenPrevious(DatasetFolder folder, DatasetVersionId? version)
    {
        if (version is not { } wanted)
        {
            return null;
        }

        try
        {
            return folder.OpenManifest(wanted);
        }
        catch (CacheException e)
        {
            // Its numbers are not given again: the reservations know how far they went.
            CatalogueLog.PreviousUnreadable(_logger, folder.Name, e.Message);
            return null;
        }
    }

    internal static async ValueTask DisposeAsync(IEnumerable<IUnderStore> stores)
    {
        foreach (IUnderStore store in stores)
        {
            await store.DisposeAsync();
        }
    }

    private static StoreReference Absolute(StoreReference store) =>
        store.Credentials is { } reference && reference.StartsWith("file:", StringComparison.Ordinal) ? store with { Credentials = "file:" + Path.GetFullPath(reference[5..]) } : store;

    private void ThrowIfTaken(string name)
    {
        if (Contains(name))
        {
            throw new CacheException(CacheError.Configuration, $"There is a dataset '{name}' already; choose another name, or run `mlp dataset remove {name}` first.");
        }
    }

    private static async Task AddListedAsync(ManifestBuilder builder, IUnderStore store, DatasetFolder folder, TreeListerOptions options, MissingFiles missing, CancellationToken cancellationToken)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(folder.FileListPath, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CacheException(CacheError.Corrupt, $"{folder.FileListPath} is missing, and dataset {folder.Name} is made from it; remove the dataset and add it again.", e);
        }

        await using (stream)
        {
            await FileListLister.AddAsync(builder, 0, store, new FileListReader(stream, isNullSeparated: true, FileListTitle), FileListTitle, missing, options, cancellationToken);
        }
    }

    /// <summary>Copies a list into a folder that may become the dataset's, and checks each record.</summary>
    /// <returns>The folder; the caller's until it is renamed.</returns>
    private async Task<string> KeepListAsync(string name, FileListInput input, CancellationToken cancellationToken)
    {
        string unborn = UnbornPath(name);
        try
        {
            _files.CreateDirectory(DatasetsPath);
            _files.CreateDirectory(unborn);
            await using FileStream copy = new(Path.Combine(unborn, DatasetFolder.FileListName), FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 64 << 10);
            FileListReader reader = new(input.Content, input.IsNullSeparated, input.Name);
            long touched = _time.GetTimestamp();
            while (await reader.MoveNextAsync(cancellationToken))
            {
                _ = FileListRecord.Parse(reader.Record, reader.Line, input.Name);
                copy.Write(reader.Record);
                copy.WriteByte(0);
                if (_time.GetElapsedTime(touched) > TimeSpan.FromMinutes(1))
                {
                    // Whoever writes the list may take hours; a folder that nobody touches for one is taken for a leftover.
                    Directory.SetLastWriteTimeUtc(unborn, _time.GetUtcNow().UtcDateTime);
                    touched = _time.GetTimestamp();
                }
            }

            copy.Flush(flushToDisk: true);
            return unborn;
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            DeleteUnborn(unborn);
            throw CatalogueFault.From(e, Root);
        }
        catch
        {
            DeleteUnborn(unborn);
            throw;
        }
    }

    private string UnbornPath(string name) => Path.Combine(DatasetsPath, $"{UnbornPrefix}{name}-{Guid.NewGuid():n}");

    private void DeleteUnborn(string unborn)
    {
        if (Directory.Exists(unborn))
        {
            _files.DeleteTree(unborn);
        }
    }

    private void Create(DatasetDefinition definition, string? unborn)
    {
        ThrowIfTaken(definition.Name);
        _files.CreateDirectory(DatasetsPath);
        DeleteLeftovers();
        if (unborn is null)
        {
            unborn = UnbornPath(definition.Name);
            _files.CreateDirectory(unborn);
        }

        definition = definition with { Format = definition.FileList || definition.IndexTar ? DatasetDefinition.CurrentFormat : 1 };
        _files.Write(Path.Combine(unborn, DatasetFolder.DefinitionName), JsonSerializer.SerializeToUtf8Bytes(definition, CatalogueJson.Default.DatasetDefinition));
        _files.FlushDirectory(unborn);
        string born = FolderOf(definition.Name).Path;
        if (Directory.Exists(born))
        {
            _files.DeleteTree(born); // It has no definition, so it is no dataset.
        }

        _files.Rename(unborn, born);
        _files.FlushDirectory(DatasetsPath);
    }

    /// <summary>Finishes what crashed processes left. Best effort: it is in nobody's way.</summary>
    private void DeleteLeftovers()
    {
        DateTime old = (_time.GetUtcNow() - TimeSpan.FromHours(1)).UtcDateTime;
        foreach (string path in Directory.EnumerateDirectories(DatasetsPath, ".*"))
        {
            ReadOnlySpan<char> name = Path.GetFileName(path.AsSpan());
            bool isLeftover = name.StartsWith(DeadPrefix) || (name.StartsWith(UnbornPrefix) && Directory.GetLastWriteTimeUtc(path) < old);
            if (!isLeftover)
            {
                continue;
            }

            try
            {
                _files.DeleteTree(path);
            }
            catch (Exception e) when (CatalogueFault.IsDisk(e))
            {
                CatalogueLog.LeftoverStays(_logger, path, e.Message);
            }
        }
    }

    private async Task<FileLock> LockAsync(DatasetFolder folder, string purpose, TimeSpan deadline, CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(LocksPath);
            return await folder.LockAsync(purpose, deadline, cancellationToken);
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, Root);
        }
    }

    private async Task ChangeAsync(string name, string purpose, TimeSpan deadline, Action change, CancellationToken cancellationToken)
    {
        using FileLock held = await LockAsync(FolderOf(name), purpose, deadline, cancellationToken);
        try
        {
            change();
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, Root);
        }
    }

    /// <summary>A sync has no live tree beside it, but shares its numbers with those that there may be.</summary>
    private sealed class ReservedInodes(InodeReservations reservations) : IInodeSource
    {
        public bool TryGetInode(ReadOnlySpan<byte> path, StoreEntryKind kind, in ObjectIdentity identity, long size, out ulong inode)
        {
            inode = 0;
            return false;
        }

        public ulong Reserve(ulong atLeast, ulong count) => reservations.Reserve(atLeast, count);
    }
}
