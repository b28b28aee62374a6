using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>A builder's folder of temporary files, one builder at a time.</summary>
internal sealed class WorkDirectory : IDisposable
{
    private static readonly string[] s_ours = ["run-*", "merge-*", "column-*", "journal", "units"];

    private readonly FileStream _lock;

    private WorkDirectory(string path, FileStream @lock)
    {
        Root = path;
        _lock = @lock;
    }

    public string Root { get; }

    public string JournalPath => Path.Combine(Root, "journal");

    public string UnitsPath => Path.Combine(Root, "units");

    /// <exception cref="CacheException"><c>Busy</c>: another builder has it.</exception>
    public static WorkDirectory Open(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Fault(e, path);
        }

        try
        {
            return new WorkDirectory(path, new FileStream(Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e is not (PathTooLongException or DirectoryNotFoundException))
        {
            throw new CacheException(CacheError.Busy, $"Another mlp is listing into {path}; wait for it or stop it.", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw Fault(e, path);
        }
    }

    public string RunPath(int run) => Path.Combine(Root, $"run-{run}");

    public string MergedRunPath(int run) => Path.Combine(Root, $"merge-{run}");

    /// <summary>Deletes what builders leave, and nothing else.</summary>
    public void Clear()
    {
        foreach (string pattern in s_ours)
        {
            foreach (string file in Directory.EnumerateFiles(Root, pattern))
            {
                File.Delete(file);
            }
        }
    }

    /// <summary>As <see cref="Clear"/>, and the folder too unless somebody keeps something else there.</summary>
    public void Remove()
    {
        Clear();
        File.Delete(_lock.Name);
        if (!Directory.EnumerateFileSystemEntries(Root).Any())
        {
            Directory.Delete(Root);
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>What a failure of the local disk means to the user.</summary>
    public static CacheException Fault(Exception e, string path)
    {
        const int NoSpace = 28; // ENOSPC, which .NET hands on as it is.
        const int OverQuota = 122; // EDQUOT
        return e switch
        {
            UnauthorizedAccessException => new CacheException(CacheError.AccessDenied, $"A manifest cannot be built in {path}: permission denied.", e),
            { HResult: NoSpace or OverQuota } => new CacheException(CacheError.DeviceFull, $"There is no space left for building a manifest in {path} (about 300 bytes for every file of the dataset); free some or choose another --cache-dir.", e),
            _ => new CacheException(CacheError.DeviceFailed, $"A manifest cannot be built in {path}: {e.Message}", e),
        };
    }
}
