using MLPlatform.Core;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Mounting;

/// <summary>Finds out before anything is started whether a directory can be mounted on, and clears what a dead server left there.</summary>
internal static class MountPointCheck
{
    // A live server answers a stat from memory; one that needs longer than this does not answer at all.
    private static readonly TimeSpan s_probePatience = TimeSpan.FromSeconds(5);

    /// <param name="onCleared">Told when a dead mount was taken away.</param>
    /// <exception cref="CacheException">One sentence with the remedy.</exception>
    public static void Check(MountOptions options, RunRegistry registry, Action<string> onCleared)
    {
        string directory = options.Directory;
        if (MountTable.Read().Any(m => m.Directory == directory && m.Type == MountPoints.FileSystemType))
        {
            RunRecord? record = registry.Find(directory);
            if (!IsDead(directory))
            {
                string by = record is null ? "" : $" (it shows {record.Source}, served by process {record.Pid})";
                throw new CacheException(CacheError.Busy, $"{directory} is already mounted{by}; end that with: mlp umount {Quote(directory)}");
            }

            Clear(directory, registry);
            onCleared($"cleared the dead mount on {directory}; its server had been killed.");
        }

        registry.ClearDead();
        CheckDirectory(directory, options.NonEmpty);
    }

    /// <summary>True when a mount's server is gone: then the kernel answers ENOTCONN by itself.</summary>
    public static bool IsDead(string directory)
    {
        int errno = 0;

        // On a thread of its own: a server that hangs would keep us as well.
        Thread thread = new(() => errno = Probe(directory)) { IsBackground = true };
        thread.Start();
        return thread.Join(s_probePatience) && errno == NativeMethods.ENOTCONN;
    }

    private static unsafe int Probe(string directory)
    {
        byte* result = stackalloc byte[256]; // sizeof(struct statx)
        return NativeMethods.statx(NativeMethods.AT_FDCWD, directory, NativeMethods.AT_STATX_FORCE_SYNC, NativeMethods.STATX_BASIC_STATS, result) < 0 ? NativeMethods.LastErrno : 0;
    }

    /// <summary>Takes a dead mount and its server's traces away.</summary>
    public static void Clear(string directory, RunRegistry registry)
    {
        // Several servers may have died on one directory, each mounted over the last.
        while (MountTable.Read().Any(m => m.Directory == directory && m.Type == MountPoints.FileSystemType) && IsDead(directory))
        {
            Errno errno = FuseMount.Unmount(directory, lazy: true);
            if (errno != Errno.None)
            {
                throw new CacheException(CacheError.AccessDenied, $"Cannot clear the dead mount on {directory}: {NativeMethods.Describe((int)errno)}; have its owner or root run: mlp umount {Quote(directory)}");
            }
        }

        registry.ClearDead();
    }

    /// <summary>As a shell wants it.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && word.All(static c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-' or ':' or '@' or '+' or '=' or ',')
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static void CheckDirectory(string directory, bool nonEmpty)
    {
        try
        {
            FileAttributes attributes = File.GetAttributes(directory);
            if (!attributes.HasFlag(FileAttributes.Directory))
            {
                throw new CacheException(CacheError.Configuration, $"{directory} is not a directory; name an empty one.");
            }

            if (!nonEmpty && Directory.EnumerateFileSystemEntries(directory).Any())
            {
                throw new CacheException(CacheError.Configuration, $"{directory} is not empty and its files would be hidden; name an empty directory, or mount over it with -o nonempty.");
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CacheException(CacheError.NotFound, $"The mount point {directory} does not exist; make it with: mkdir -p {Quote(directory)}", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CacheException(CacheError.AccessDenied, $"You may not look into {directory}; name a directory of yours.", e);
        }
    }
}
