using System.Globalization;

namespace MLPlatform.Datasets;

/// <summary>
/// Says that a version is in use, until the process ends. One file per mount, locked by its owner; a file that nobody locks is a leftover
/// of a process that died, and whoever looks removes it.
/// </summary>
internal sealed class MountRegistration : IDisposable
{
    private const string Unborn = ".new-";

    // A registration is locked within a blink of being made; one that is not after a minute never will be.
    private static readonly TimeSpan s_birth = TimeSpan.FromMinutes(1);

    private readonly FileLock _lock;
    private readonly string _path;
    private readonly string _directory;

    private MountRegistration(FileLock @lock, string path, string directory)
    {
        _lock = @lock;
        _path = path;
        _directory = directory;
    }

    /// <param name="folder">Of all registrations of one dataset.</param>
    /// <param name="directory">Where the dataset is mounted, for whoever is refused because of it.</param>
    public static MountRegistration Create(string folder, DatasetVersionId? version, string directory)
    {
        Directory.CreateDirectory(folder);
        string name = $"{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}-{Guid.NewGuid():n}";
        string unborn = Path.Combine(folder, Unborn + name);
        FileLock held = FileLock.TryAcquire(unborn, Text(version, directory)) ?? throw new IOException($"{unborn} is locked by another process.");
        string path = Path.Combine(folder, name);
        try
        {
            File.Move(unborn, path); // From here on others see it, and it is locked already.
        }
        catch
        {
            held.Dispose();
            throw;
        }

        return new MountRegistration(held, path, directory);
    }

    public void Update(DatasetVersionId? version) => _lock.Describe(Text(version, _directory));

    public void Dispose()
    {
        try
        {
            File.Delete(_path);
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            // The dataset was removed by force, or the disk fails: an unlocked file says the same as none.
        }

        _lock.Dispose();
    }

    /// <summary>The mounts that live now.</summary>
    public static IReadOnlyList<DatasetMount> Find(string folder, TimeProvider time)
    {
        if (!Directory.Exists(folder))
        {
            return [];
        }

        var found = new List<DatasetMount>();
        foreach (string path in Directory.EnumerateFiles(folder))
        {
            bool isUnborn = Path.GetFileName(path.AsSpan()).StartsWith(Unborn);
            if (isUnborn && time.GetUtcNow() - File.GetLastWriteTimeUtc(path) < s_birth)
            {
                continue;
            }

            if (TryRemoveLeftover(path))
            {
                continue;
            }

            (int Process, string Text) owner = FileLock.Read(path) ?? (0, "\n");
            string[] lines = owner.Text.Split('\n');
            found.Add(new DatasetMount(owner.Process, lines.Length > 1 ? lines[1] : "", DatasetVersionId.TryParse(lines[0], out DatasetVersionId version) ? version : null));
        }

        return found;
    }

    private static bool TryRemoveLeftover(string path)
    {
        try
        {
            if (!File.Exists(path))
            {
                return true;
            }

            // Not Acquire, which would make the file anew and write into it.
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            File.Delete(path);
            return true;
        }
        catch (FileNotFoundException)
        {
            return true;
        }
        catch (IOException)
        {
            return false; // Its owner lives.
        }
    }

    private static string Text(DatasetVersionId? version, string directory) => $"{version?.ToString() ?? "live"}\n{directory.ReplaceLineEndings(" ")}";
}
