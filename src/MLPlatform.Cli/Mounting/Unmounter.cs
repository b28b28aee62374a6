using MLPlatform.Core;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Mounting;

/// <summary>Ends mounts of ours, live and dead ones, as root or by fusermount3.</summary>
internal sealed class Unmounter(RunRegistry registry)
{
    // The server has nothing to write back; it closes connections and exits.
    private static readonly TimeSpan s_serverPatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_lazyPatience = TimeSpan.FromSeconds(1);

    // More names would not make the reader wiser.
    private const int MaxHolders = 5;

    /// <param name="path">As the user wrote it.</param>
    /// <returns>Something to tell the user, or null.</returns>
    /// <exception cref="CacheException"><c>NotFound</c>, <c>Busy</c>, <c>AccessDenied</c>, <c>DeadlineExceeded</c>.</exception>
    public async Task<string?> UnmountAsync(string path, bool lazy, CancellationToken cancellationToken)
    {
        string directory = MountPoints.Canonical(path);
        MountEntry? entry = MountTable.Read().LastOrDefault(m => m.Directory == directory);
        RunRecord? record = registry.Find(directory);
        if (entry is null)
        {
            throw new CacheException(CacheError.NotFound, $"Nothing is mounted on {directory}{Nearest(directory)}");
        }

        if (entry.Type != MountPoints.FileSystemType)
        {
            throw new CacheException(CacheError.Unsupported, $"{directory} is a mount of type {entry.Type} and not one of ours; use: umount {MountPointCheck.Quote(directory)}");
        }

        if (MountPointCheck.IsDead(directory))
        {
            MountPointCheck.Clear(directory, registry);
            return $"cleared the dead mount on {directory}; its server had been killed.";
        }

        switch (FuseMount.Unmount(directory, lazy))
        {
            case Errno.None:
                break;
            case Errno.EBUSY:
                throw new CacheException(CacheError.Busy, $"{directory} is in use{Holders(directory)}; end that, or detach it now with: mlp umount --lazy {MountPointCheck.Quote(directory)}");
            case Errno.EPERM:
                throw new CacheException(CacheError.AccessDenied, $"You may not unmount {directory}; its owner{Owner(record)} or root may.");
            case Errno errno:
                throw new CacheException(CacheError.Unsupported, $"Cannot unmount {directory}: {NativeMethods.Describe((int)errno)}.");
        }

        if (record is null)
        {
            return null; // Another user's mount, or one without a record: whoever serves it ends by itself.
        }

        bool isGone = await ProcessIdentity.WaitForExitAsync(record.Pid, record.PidStartTicks, lazy ? s_lazyPatience : s_serverPatience, cancellationToken);
        if (isGone)
        {
            registry.ClearDead();
            return null;
        }

        return lazy
            ? $"{directory} is detached; its server (process {record.Pid}) ends when the last open file is closed."
            : throw new CacheException(
                CacheError.DeadlineExceeded, $"{directory} is unmounted, but its server (process {record.Pid}) has not ended within {Duration.Format(s_serverPatience)}{(record.Log is null ? "" : $"; see {record.Log}")}.");
    }

    private static string Holders(string directory)
    {
        IReadOnlyList<(int Pid, string Name, string Holds)> holders = OpenFileHolders.Find(directory);
        if (holders.Count == 0)
        {
            return "";
        }

        string list = string.Join(", ", holders.Take(MaxHolders).Select(static h => $"{h.Name} ({h.Pid}) {h.Holds}"));
        return holders.Count > MaxHolders ? $" by {list} and {holders.Count - MaxHolders} more" : $" by {list}";
    }

    private static string Owner(RunRecord? record) => record is null ? "" : $" (process {record.Pid})";

    // Somebody inside the mount, or one letter off.
    private static string Nearest(string directory)
    {
        List<string> ours = [.. MountPoints.Ours()];
        string? inside = ours.FirstOrDefault(d => directory.StartsWith(d + "/", StringComparison.Ordinal));
        string? nearest = inside ?? Framework.NearestWord.Find(directory, ours);
        return nearest is null ? "." : $"; did you mean {nearest}?";
    }
}
