namespace MLPlatform.Cli;

/// <summary>Where things go on a machine: by the Filesystem Hierarchy Standard for root, by the XDG directories for everybody else.</summary>
internal static class MachinePaths
{
    /// <summary>Logs of background mounts.</summary>
    public static string LogDirectory => IsRoot ? "/var/log/mlp" : Path.Combine(StateHome, "mlp");

    /// <summary>One record and one control directory per running mount; gone after a reboot.</summary>
    public static string RunDirectory
    {
        get
        {
            if (IsRoot)
            {
                return "/run/mlp";
            }

            return Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime && Directory.Exists(runtime)
                ? Path.Combine(runtime, "mlp")
                : $"/tmp/mlp-{Mounting.NativeMethods.EffectiveUserId}";
        }
    }

    /// <summary>Cached bytes, unless told otherwise; may be deleted at any time.</summary>
    public static string CacheDirectory => IsRoot && Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is not { Length: > 0 } ? "/var/cache/mlp" : Path.Combine(CacheHome, "mlp");

    private static bool IsRoot => Mounting.NativeMethods.EffectiveUserId == 0;

    private static string StateHome =>
        Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } state && Path.IsPathRooted(state) ? state : Path.Combine(Home, ".local", "state");

    private static string CacheHome =>
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache) ? cache : Path.Combine(Home, ".cache");

    private static string Home => Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? home : "/tmp";
}
