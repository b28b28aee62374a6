using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>What a failure of the disk under the catalogue means to the user.</summary>
internal static class CatalogueFault
{
    private const int NoSpace = 28; // ENOSPC, which .NET hands on as it is.
    private const int OverQuota = 122; // EDQUOT
    private const int ReadOnlyFileSystem = 30; // EROFS

    public static bool IsDisk(Exception e) => e is IOException or UnauthorizedAccessException;

    public static CacheException From(Exception e, string path) => e switch
    {
        UnauthorizedAccessException => new CacheException(CacheError.AccessDenied, $"The catalogue in {path} cannot be used: permission denied; choose another place with --state-dir or {StateDirectory.Variable}.", e),
        { HResult: NoSpace or OverQuota } => new CacheException(CacheError.DeviceFull, $"There is no space left for the catalogue in {path}; free some, or choose another place with --state-dir or {StateDirectory.Variable}.", e),
        { HResult: ReadOnlyFileSystem } => new CacheException(CacheError.AccessDenied, $"The catalogue in {path} cannot be used: the file system is read-only; choose another place with --state-dir or {StateDirectory.Variable}.", e),
        _ => new CacheException(CacheError.DeviceFailed, $"The catalogue in {path} cannot be used: {e.Message}", e),
    };
}
