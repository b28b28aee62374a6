using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>
/// Everything about one dataset, or one raw source, on disk: <c>dataset.json</c>, <c>current</c>, <c>versions/</c>, <c>mounts/</c>, <c>inodes</c>, <c>work/</c>.
/// Whoever reads needs no lock: each file appears whole or not at all, and <c>current</c> never names a version that is not there.
/// </summary>
internal sealed class DatasetFolder(string path, string name, string lockPath, IFileOperations files, TimeProvider time)
{
    public const string DefinitionName = "dataset.json";
    public const string FileListName = "files";

    public string Path { get; } = path;

    /// <summary>For messages: the dataset's name or the source's URI.</summary>
    public string Name { get; } = name;

    public string VersionsPath => System.IO.Path.Combine(Path, "versions");

    public string WorkPath => System.IO.Path.Combine(Path, "work");

    /// <summary>The list that the dataset is made from, if it is: records as they were given, each with NUL behind it.</summary>
    public string FileListPath => System.IO.Path.Combine(Path, FileListName);

    public string DefinitionPath => System.IO.Path.Combine(Path, DefinitionName);

    private string CurrentPath => System.IO.Path.Combine(Path, "current");

    private string MountsPath => MountsOf(Path);

    public bool Exists => File.Exists(DefinitionPath);

    public Task<FileLock> LockAsync(string purpose, TimeSpan deadline, CancellationToken cancellationToken) =>
        FileLock.AcquireAsync(lockPath, $"Dataset {Name}", purpose, deadline, time, cancellationToken);

    /// <summary>Where the registrations of a folder's mounts are.</summary>
    public static string MountsOf(string folder) => System.IO.Path.Combine(folder, "mounts");

    /// <param name="atLeast">Numbers below it belong to versions that exist.</param>
    public InodeReservations OpenInodes(ulong atLeast) => new(System.IO.Path.Combine(Path, "inodes"), files, atLeast);

    public MountRegistration Register(DatasetVersionId? version, string directory) => MountRegistration.Create(MountsPath, version, directory);

    public IReadOnlyList<DatasetMount> Mounts() => MountRegistration.Find(MountsPath, time);

    /// <summary>When <c>current</c> was last written; changes whenever it is. <see cref="DateTime.MinValue"/>: never.</summary>
    public DateTime CurrentWritten => File.Exists(CurrentPath) ? File.GetLastWriteTimeUtc(CurrentPath) : DateTime.MinValue;

    /// <exception cref="CacheException"><c>Corrupt</c>: the file is there and names no version.</exception>
    public DatasetVersionId? ReadCurrent()
    {
        string text;
        try
        {
            text = File.ReadAllText(CurrentPath);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        return DatasetVersionId.TryParse(text.AsSpan().Trim(), out DatasetVersionId version)
            ? version
            : throw new CacheException(CacheError.Corrupt, $"{CurrentPath} names no version; run `mlp dataset sync {Name}`.");
    }

    /// <summary>As <see cref="ReadCurrent"/>, for whoever is about to write a better one.</summary>
    public DatasetVersionId? ReadCurrentOrNone()
    {
        try
        {
            return ReadCurrent();
        }
        catch (CacheException e) when (e.Error == CacheError.Corrupt)
        {
            return null;
        }
    }

    /// <summary>Versions whose manifests are here, the youngest first.</summary>
    public IReadOnlyList<DatasetVersionId> Versions()
    {
        var found = new List<(DatasetVersionId Version, DateTime Written)>();
        if (Directory.Exists(VersionsPath))
        {
            foreach (string file in Directory.EnumerateFiles(VersionsPath, "*" + ManifestFormat.FileExtension))
            {
                if (ManifestFormat.VersionOfFileName(file) is { } version)
                {
                    found.Add((version, File.GetLastWriteTimeUtc(file)));
                }
            }
        }

        found.Sort(static (x, y) => x.Written != y.Written ? y.Written.CompareTo(x.Written) : x.Version.CompareTo(y.Version));
        return [.. found.Select(static one => one.Version)];
    }

    public string ManifestPath(DatasetVersionId version) => System.IO.Path.Combine(VersionsPath, ManifestFormat.FileNameOf(version));

    public Manifest OpenManifest(DatasetVersionId version) => Manifest.Open(ManifestPath(version), version, Name);

    /// <summary>Makes a version that is in <see cref="VersionsPath"/> the current one. The caller holds the lock.</summary>
    public void Publish(DatasetVersionId version)
    {
        Invariant.That(File.Exists(ManifestPath(version)));
        WriteUnsynchronized("current", Encoding.ASCII.GetBytes(version.ToString() + "\n"));
    }

    /// <summary>Writes a small file so that others see the old one or the new one. The caller holds the lock.</summary>
    public void WriteUnsynchronized(string file, ReadOnlySpan<byte> content)
    {
        string target = System.IO.Path.Combine(Path, file);
        string temporary = target + ".new"; // The lock makes it ours.
        files.DeleteFile(temporary);
        files.Write(temporary, content);
        files.Rename(temporary, target);
        files.FlushDirectory(Path);
    }

    /// <summary>Deletes manifests beyond the youngest few, but not the current one and none that is mounted. The caller holds the lock.</summary>
    /// <returns>What was deleted.</returns>
    public IReadOnlyList<DatasetVersionId> Prune(int keep)
    {
        DatasetVersionId? current = ReadCurrent();
        var mounted = Mounts().Select(static mount => mount.Version).ToHashSet();
        var deleted = new List<DatasetVersionId>();
        int kept = current is null ? 0 : 1;
        foreach (DatasetVersionId version in Versions())
        {
            if (version == current || mounted.Contains(version))
            {
                continue;
            }

            if (kept < keep)
            {
                kept++;
            }
            else
            {
                files.DeleteFile(ManifestPath(version));
                deleted.Add(version);
            }
        }

        return deleted;
    }
}
