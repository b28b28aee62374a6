using MLPlatform.Core;

namespace MLPlatform.Cli.Framework;

/// <summary>The exit codes that scripts rely on, and the one place where an error becomes one.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;

    /// <summary>The failures are listed on stderr.</summary>
    public const int DoneInPart = 3;

    /// <summary>128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;

    private static readonly Dictionary<CacheError, int> s_rows = new()
    {
        [CacheError.NotFound] = Failed,
        [CacheError.InvalidName] = Failed,
        [CacheError.AccessDenied] = Failed,
        [CacheError.Unauthenticated] = Failed,
        [CacheError.VersionChanged] = Failed,
        [CacheError.Throttled] = Failed,
        [CacheError.Unreachable] = Failed,
        [CacheError.DeadlineExceeded] = Failed,
        [CacheError.Corrupt] = Failed,
        [CacheError.DeviceFailed] = Failed,
        [CacheError.DeviceFull] = Failed,
        [CacheError.ReadOnly] = Failed,
        [CacheError.Interrupted] = Interrupted,
        [CacheError.Busy] = Failed,
        [CacheError.Unsupported] = Failed,
        [CacheError.Configuration] = WrongUsage,
    };

    public static int From(CacheError error) => s_rows[error];
}
