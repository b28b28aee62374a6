using System.Runtime.InteropServices;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.Local;

/// <summary>From errno to the fault that names the file; the one place where local errors become <see cref="CacheException"/>s.</summary>
internal static class FileErrors
{
    /// <param name="display">Full path for the message.</param>
    public static CacheException From(int errno, string display, string action)
    {
        string cause = Marshal.GetPInvokeErrorMessage(errno);
        return errno switch
        {
            Libc.ENOENT or Libc.ENOTDIR => new CacheException(CacheError.NotFound, $"{display} does not exist."),
            Libc.ELOOP => new CacheException(CacheError.NotFound, $"{display} lies behind a symbolic link, which is never followed below a dataset's root."),
            Libc.EXDEV => new CacheException(CacheError.AccessDenied, $"{display} leads out of the dataset's root."),
            Libc.EACCES or Libc.EPERM => new CacheException(CacheError.AccessDenied, $"{display} may not be read by this user; give the user that runs mlp read permission."),
            Libc.ENAMETOOLONG => new CacheException(CacheError.InvalidName, $"{display} is longer than the file system allows."),
            Libc.EMFILE or Libc.ENFILE => new CacheException(CacheError.Unreachable, $"{display} cannot be opened: {cause}; raise the limit of open files (ulimit -n)."),
            _ => new CacheException(CacheError.Unreachable, $"{action} {display} failed: {cause} (errno {errno})."),
        };
    }

    public static CacheException Changed(string display) =>
        new(CacheError.VersionChanged, $"{display} is no longer the file that the pinned version names; run 'mlp dataset sync' to pin its present content.");

    public static CacheException BadName(string display) =>
        new(CacheError.InvalidName, $"'{display}' is no path below a directory: an empty, '.' or '..' component or a NUL byte is not allowed.");
}
