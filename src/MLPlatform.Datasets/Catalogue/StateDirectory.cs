namespace MLPlatform.Datasets;

/// <summary>Where this machine keeps its catalogue.</summary>
public static class StateDirectory
{
    public const string Variable = "MLP_STATE_DIR";

    /// <summary><c>$MLP_STATE_DIR</c>; else <c>/var/lib/mlp</c> for root and <c>$XDG_DATA_HOME/mlp</c> (<c>~/.local/share/mlp</c>) for everybody else.</summary>
    public static string Default()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given)
        {
            return Path.GetFullPath(given);
        }

        if (Environment.IsPrivilegedProcess)
        {
            return "/var/lib/mlp";
        }

        // The XDG specification wants a relative path ignored.
        return Environment.GetEnvironmentVariable("XDG_DATA_HOME") is { Length: > 0 } data && Path.IsPathRooted(data)
            ? Path.Combine(data, "mlp")
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify), ".local", "share", "mlp");
    }
}
