using System.Globalization;
using Microsoft.Extensions.Logging;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>
/// What the catalogue keeps of a raw source: the last versions that it was pinned to and how far its inode numbers went. A convenience: without it a mount
/// lists anew all the same.
/// </summary>
internal sealed class SourceFolder : IDisposable
{
    /// <summary>Says whose folder it is, and by its time when it was last mounted.</summary>
    public const string NoteName = "source";

    // The last one, whose numbers the next listing takes over, and the one before it.
    private const int KeptVersions = 2;

    // Publishing is a small write; who holds the lock longer is another mount that does the same.
    private static readonly TimeSpan s_lockDeadline = TimeSpan.FromSeconds(5);

    // A listing that was cut short longer ago would pin a mount that began just now to a mixture of then and now.
    private static readonly TimeSpan s_resumeWithin = TimeSpan.FromHours(1);

    private static readonly TimeSpan s_abandoned = TimeSpan.FromDays(1);

    // Nobody remembers the numbers of a mount of last month.
    private static readonly TimeSpan s_unused = TimeSpan.FromDays(30);

    private readonly DatasetFolder _folder;
    private readonly DatasetSource _source;
    private readonly bool _isTemporary;

    internal SourceFolder(DatasetFolder folder, DatasetSource source, bool isTemporary)
    {
        _folder = folder;
        _source = source;
        _isTemporary = isTemporary;
    }

    public string Uri => _source.Uri;

    public MountRegistration Register(string directory) => _folder.Register(null, directory);

    public InodeReservations OpenInodes(ulong atLeast) => _folder.OpenInodes(atLeast);

    /// <summary>The version that the last mount was pinned to, for its numbers; its names are of then.</summary>
    public Manifest? OpenPrevious(Catalogue catalogue) => catalogue.OpenPrevious(_folder, _folder.ReadCurrentOrNone());

    /// <returns>Null when it is kept no more, or cannot be read.</returns>
    public Manifest? TryOpenVersion(DatasetVersionId version)
    {
        try
        {
            return _folder.OpenManifest(version);
        }
        catch (CacheException e) when (e.Error is CacheError.NotFound or CacheError.Corrupt or CacheError.Unsupported)
        {
            return null;
        }
    }

    /// <summary>Lists the source into a version.</summary>
    /// <returns>Open; the caller's.</returns>
    public async Task<Manifest> ListAsync(Catalogue catalogue, Manifest? previous, IInodeSource inodes, DatasetBuildOptions options, CancellationToken cancellationToken)
    {
        ManifestBuildResult built;
        options = options with { ResumeWithin = s_resumeWithin };
        try
        {
            built = await catalogue.BuildAsync(_folder, Uri, [_source], _folder.WorkPath, previous, inodes, isResumable: true, options, cancellationToken);
        }
        catch (CacheException e) when (e.Error == CacheError.Busy)
        {
            // Another mount lists the same source right now; what it finds is older than our mount.
            DeleteAbandoned(catalogue.Time);
            string ours = $"{_folder.WorkPath}-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}-{Guid.NewGuid():n}";
            built = await catalogue.BuildAsync(_folder, Uri, [_source], ours, previous, inodes, isResumable: false, options, cancellationToken);
        }

        Manifest manifest = _folder.OpenManifest(built.Digest);
        try
        {
            using FileLock held = await _folder.LockAsync("mlp mount", s_lockDeadline, cancellationToken);
            _folder.Publish(built.Digest);
            _folder.Prune(KeptVersions);
        }
        catch (Exception e) when (e is CacheException { Error: CacheError.Busy } || CatalogueFault.IsDisk(e))
        {
            // The next mount will find other numbers for unchanged files, nothing worse.
            CatalogueLog.NotRemembered(catalogue.Logger, Uri, e.Message);
        }
        catch
        {
            manifest.Dispose();
            throw;
        }

        return manifest;
    }

    /// <summary>Deletes what nobody mounted for long. Best effort.</summary>
    public static void DeleteUnused(string sources, TimeProvider time, ILogger logger)
    {
        foreach (string path in Directory.EnumerateDirectories(sources))
        {
            try
            {
                bool isUnused = time.GetUtcNow() - File.GetLastWriteTimeUtc(Path.Combine(path, NoteName)) > s_unused;
                if (isUnused && MountRegistration.Find(DatasetFolder.MountsOf(path), time).Count == 0)
                {
                    Directory.Delete(path, recursive: true);
                }
            }
            catch (Exception e) when (CatalogueFault.IsDisk(e))
            {
                CatalogueLog.LeftoverStays(logger, path, e.Message);
            }
        }
    }

    public void Dispose()
    {
        if (_isTemporary && Directory.Exists(_folder.Path))
        {
            Directory.Delete(_folder.Path, recursive: true);
        }
    }

    private void DeleteAbandoned(TimeProvider time)
    {
        foreach (string path in Directory.EnumerateDirectories(_folder.Path, "work-*"))
        {
            if (time.GetUtcNow() - Directory.GetLastWriteTimeUtc(path) > s_abandoned)
            {
                Directory.Delete(path, recursive: true);
            }
        }
    }
}
