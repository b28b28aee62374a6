using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// The datasets of this machine: definitions and versions in a directory (DESIGN §3). Any number of processes may use one; readers need no lock, whoever
/// changes a dataset holds its. A crash between any two steps leaves every dataset readable. It must not know mounts of the kernel or readers of bytes.
/// </summary>
public sealed partial class Catalogue
{
    internal const string DatasetsName = "datasets";
    internal const string SourcesName = "sources";
    private const string LocksName = "locks";

    // Names that a crash may leave; no dataset's name begins with a dot.
    private const string UnbornPrefix = ".new-";
    private const string DeadPrefix = ".removed-";

    private readonly IFileOperations _files;
    private readonly Func<string, UnderStoreOptions, IUnderStore> _openStore;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <param name="root">Made when something is written into it; <see cref="StateDirectory.Default"/> says where it usually is.</param>
    public Catalogue(string root, TimeProvider time, ILoggerFactory loggers)
        : this(root, FileOperations.Instance, (uri, options) => UnderStoreFactory.Open(uri, options, time, loggers), time, loggers)
    {
    }

    internal Catalogue(string root, IFileOperations files, Func<string, UnderStoreOptions, IUnderStore> openStore, TimeProvider time, ILoggerFactory loggers)
    {
        Root = Path.GetFullPath(root);
        _files = files;
        _openStore = openStore;
        _time = time;
        _logger = loggers.CreateLogger<Catalogue>();
    }

    public string Root { get; }

    internal TimeProvider Time => _time;

    internal ILogger Logger => _logger;

    private string DatasetsPath => Path.Combine(Root, DatasetsName);

    private string LocksPath => Path.Combine(Root, LocksName);

    /// <summary>All datasets, in the order of their names.</summary>
    public IReadOnlyList<string> Names()
    {
        try
        {
            return !Directory.Exists(DatasetsPath)
                ? []
                : [.. Directory.EnumerateDirectories(DatasetsPath)
                    .Where(static path => File.Exists(Path.Combine(path, DatasetFolder.DefinitionName)))
                    .Select(static path => Path.GetFileName(path)!)
                    .Where(static name => DatasetName.IsValid(name))
                    .Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, Root);
        }
    }

    public bool Contains(string name) => DatasetName.IsValid(name) && FolderOf(name).Exists;

    /// <exception cref="CacheException"><c>NotFound</c>, naming the nearest dataset; <c>Corrupt</c>; <c>Unsupported</c>: written by a later mlp.</exception>
    public DatasetDefinition Definition(string name)
    {
        DatasetFolder folder = Require(name);
        try
        {
            DatasetDefinition? definition = JsonSerializer.Deserialize(File.ReadAllBytes(folder.DefinitionPath), CatalogueJson.Default.DatasetDefinition);
            return definition switch
            {
                null => throw new CacheException(CacheError.Corrupt, $"{folder.DefinitionPath} is empty; repair it, or remove the dataset and add it again."),
                { Format: < 1 or > DatasetDefinition.CurrentFormat } => throw new CacheException(CacheError.Unsupported, $"{folder.DefinitionPath} is of format {definition.Format}; this mlp reads 1 to {DatasetDefinition.CurrentFormat}; use the mlp that wrote it."),
                _ => definition with { Name = name },
            };
        }
        catch (JsonException e)
        {
            throw new CacheException(CacheError.Corrupt, $"{folder.DefinitionPath} is no dataset definition (line {(e.LineNumber ?? 0) + 1}); repair it, or remove the dataset and add it again.", e);
        }
        catch (FileNotFoundException)
        {
            throw Unknown(name); // It was removed just now.
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, Root);
        }
    }

    public IReadOnlyList<DatasetSummary> List() => [.. Names().Select(Summary)];

    /// <summary>One dataset; never fails because of what its files hold, which <see cref="DatasetSummary.Problem"/> tells.</summary>
    public DatasetSummary Summary(string name)
    {
        DatasetFolder folder = Require(name);
        try
        {
            DatasetVersionId? current = folder.ReadCurrent();
            DatasetVersionInfo? info = current is { } version ? Info(folder, version, true) : null;
            DatasetDefinition definition = Definition(name);
            return new DatasetSummary(name, definition.Sources, info, folder.Versions().Count, folder.Mounts(), info?.Problem) { FileList = definition.FileList, IndexTar = definition.IndexTar };
        }
        catch (CacheException e) when (e.Error is CacheError.Corrupt or CacheError.Unsupported)
        {
            return new DatasetSummary(name, [], null, folder.Versions().Count, folder.Mounts(), e.Message);
        }
    }

    /// <summary>The versions whose manifests are kept, the youngest first.</summary>
    public IReadOnlyList<DatasetVersionInfo> Versions(string name)
    {
        DatasetFolder folder = Require(name);
        DatasetVersionId? current = folder.ReadCurrent();
        return [.. folder.Versions().Select(version => Info(folder, version, version == current))];
    }

    /// <summary>The version that mounts get by default; null until the first listing is complete.</summary>
    public DatasetVersionId? Current(string name) => Require(name).ReadCurrent();

    /// <summary>Finds the version a user means.</summary>
    /// <param name="version">Whole or a unique prefix, with or without <c>sha256:</c>; null for the current one.</param>
    /// <exception cref="CacheException"><c>NotFound</c>: no such dataset or version; <c>Configuration</c>: not a version, or several begin so.</exception>
    public DatasetVersionId Resolve(string name, string? version)
    {
        DatasetFolder folder = Require(name);
        if (version is not null)
        {
            return DatasetVersionId.Resolve(version, folder.Versions(), name);
        }

        return folder.ReadCurrent() ?? throw new CacheException(CacheError.NotFound, $"Dataset {name} has no version yet, its first listing was not completed; run `mlp dataset sync {name}`.");
    }

    /// <returns>Open until the caller disposes it.</returns>
    public Manifest OpenManifest(string name, DatasetVersionId version) => Require(name).OpenManifest(version);

    /// <summary>Opens the stores of a dataset, one per source, in their order. Nothing is asked of them yet.</summary>
    public IReadOnlyList<IUnderStore> OpenStores(DatasetDefinition definition, UnderStoreOptions caller) => OpenStores(definition.Sources, caller);

    internal IReadOnlyList<IUnderStore> OpenStores(IReadOnlyList<DatasetSource> sources, UnderStoreOptions caller) =>
        [.. sources.Select(source => _openStore(source.Uri, source.Store.Over(caller)))];

    internal DatasetFolder FolderOf(string name) => new(Path.Combine(DatasetsPath, name), name, Path.Combine(LocksPath, name), _files, _time);

    /// <summary>
    /// Where a raw source's versions are kept; made if missing. Where the catalogue cannot be written, as in a container with a read-only root,
    /// a temporary directory does for one mount: the next one finds other numbers, nothing worse.
    /// </summary>
    internal SourceFolder OpenSource(DatasetSource source)
    {
        // Equal names behind two endpoints are two buckets.
        byte[] key = SHA256.HashData(Encoding.UTF8.GetBytes($"{source.Uri}\n{source.Store.EndpointUrl}"));
        string sources = Path.Combine(Root, SourcesName);
        string path = Path.Combine(sources, Convert.ToHexStringLower(key.AsSpan(0, 16)));
        try
        {
            Directory.CreateDirectory(path);
            string note = Path.Combine(path, SourceFolder.NoteName);
            File.WriteAllText(note, source.Uri + "\n");
            File.SetLastWriteTimeUtc(note, _time.GetUtcNow().UtcDateTime);
            SourceFolder.DeleteUnused(sources, _time, _logger);
            return new SourceFolder(new DatasetFolder(path, source.Uri, path + ".lock", _files, _time), source, isTemporary: false);
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            CatalogueLog.NotRemembered(_logger, source.Uri, CatalogueFault.From(e, Root).Message);
        }

        try
        {
            path = Directory.CreateTempSubdirectory("mlp-source-").FullName;
            return new SourceFolder(new DatasetFolder(path, source.Uri, Path.Combine(path, "lock"), _files, _time), source, isTemporary: true);
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, Path.GetTempPath());
        }
    }

    /// <exception cref="CacheException"><c>NotFound</c>, naming the nearest.</exception>
    internal DatasetFolder Require(string name)
    {
        DatasetName.Check(name);
        DatasetFolder folder = FolderOf(name);
        return folder.Exists ? folder : throw Unknown(name);
    }

    internal CacheException Unknown(string name)
    {
        IReadOnlyList<string> names = Names();
        string hint = DatasetName.Nearest(name, names) is { } nearest ? $"did you mean '{nearest}'?"
            : names.Count > 0 ? "`mlp dataset list` shows those there are."
            : $"there is none yet, `mlp dataset add {name} SOURCE` makes it.";
        return new CacheException(CacheError.NotFound, $"There is no dataset '{name}'; {hint}");
    }

    private static DatasetVersionInfo Info(DatasetFolder folder, DatasetVersionId version, bool isCurrent)
    {
        string path = folder.ManifestPath(version);
        try
        {
            using Manifest manifest = folder.OpenManifest(version);
            return new DatasetVersionInfo(version, File.GetLastWriteTimeUtc(path), isCurrent, manifest.Files, manifest.Directories, manifest.Bytes, manifest.Skipped, manifest.FileLength, null);
        }
        catch (CacheException e)
        {
            return new DatasetVersionInfo(version, File.Exists(path) ? File.GetLastWriteTimeUtc(path) : default, isCurrent, 0, 0, 0, 0, 0, e.Message);
        }
    }
}
