using MLPlatform.Cli.Mounting;
using MLPlatform.Core;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Inspection;

/// <summary>A mount of ours seen from outside, by its control files. Reads have a deadline: the server may hang.</summary>
internal sealed class MountedDirectory
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private MountedDirectory(string directory, string source)
    {
        Directory = directory;
        Source = source;
    }

    public string Directory { get; }

    /// <summary>As mount(8) shows it.</summary>
    public string Source { get; }

    /// <summary>The mount that a path lies in.</summary>
    /// <exception cref="CacheException"><c>NotFound</c>: in none of ours.</exception>
    public static MountedDirectory Of(string path)
    {
        string canonical = MountPoints.Canonical(path);
        MountEntry? entry = MountTable.Read()
            .Where(m => m.Type == MountPoints.FileSystemType && (canonical == m.Directory || canonical.StartsWith(m.Directory + "/", StringComparison.Ordinal)))
            .MaxBy(static m => m.Directory.Length);
        if (entry is null)
        {
            List<string> ours = [.. MountPoints.Ours()];
            string? nearest = Framework.NearestWord.Find(canonical, ours) ?? (ours.Count == 1 ? ours[0] : null);
            throw new CacheException(CacheError.NotFound, $"{path} is in no mount of mlp{(nearest is null ? ours.Count == 0 ? "; there is none." : $"; there are {string.Join(", ", ours)}." : $"; did you mean {nearest}?")}");
        }

        return new MountedDirectory(entry.Directory, entry.Source);
    }

    /// <summary>Reads a control file.</summary>
    /// <exception cref="CacheException"><c>Unreachable</c>, <c>AccessDenied</c>, <c>DeadlineExceeded</c>.</exception>
    public async Task<string> ReadControlAsync(string name, CancellationToken cancellationToken)
    {
        string path = $"{Directory}/.mlp/{name}";
        try
        {
            // The read itself cannot be called off, so it has a thread to wait on that nobody else needs.
            return await Task.Factory.StartNew(() => File.ReadAllText(path), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(s_patience, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new CacheException(CacheError.DeadlineExceeded, $"The server of {Directory} does not answer; see its log, or end it with: mlp umount --lazy {MountPointCheck.Quote(Directory)}", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CacheException(CacheError.AccessDenied, $"You may not read {path}; its owner or root may.", e);
        }
        catch (IOException e)
        {
            throw MountPointCheck.IsDead(Directory)
                ? new CacheException(CacheError.Unreachable, $"The server of {Directory} was killed; clear the mount with: mlp umount {MountPointCheck.Quote(Directory)}", e)
                : new CacheException(CacheError.Unreachable, $"Cannot read {path}: {e.Message}", e);
        }
    }
}
