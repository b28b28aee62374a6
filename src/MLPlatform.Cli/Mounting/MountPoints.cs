using MLPlatform.Fuse;

namespace MLPlatform.Cli.Mounting;

/// <summary>Facts about directories where something is mounted.</summary>
internal static class MountPoints
{
    /// <summary>How our mounts show in /proc/self/mountinfo.</summary>
    public const string FileSystemType = "fuse.mlp";

    /// <summary>Where datasets are mounted now; control files are not among them.</summary>
    public static IEnumerable<string> Ours() => MountTable.Read()
        .Where(static m => m.Type == FileSystemType && !m.Directory.StartsWith(MachinePaths.RunDirectory + "/", StringComparison.Ordinal))
        .Select(static m => m.Directory)
        .Distinct();

    /// <summary>
    /// The absolute path with links resolved, without touching the directory itself: a dead mount there answers every question
    /// with ENOTCONN, and a hung one with nothing at all.
    /// </summary>
    public static string Canonical(string path)
    {
        string full = Path.GetFullPath(path);
        full = full.Length > 1 ? full.TrimEnd('/') : full;
        string resolved = "/";
        string[] parts = full.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0, links = 0; i < parts.Length; i++)
        {
            string next = Path.Combine(resolved, parts[i]);
            string? target = IsMounted(next) ? null : LinkTarget(next);
            if (target is null || ++links > 40) // As many as the kernel follows.
            {
                resolved = next;
                continue;
            }

            string rest = string.Join('/', parts[(i + 1)..]);
            string start = Path.GetFullPath(target, resolved);
            parts = $"{start}/{rest}".Split('/', StringSplitOptions.RemoveEmptyEntries);
            resolved = "/";
            i = -1;
        }

        return resolved;
    }

    private static bool IsMounted(string path) => MountTable.Read().Any(m => m.Directory == path && m.Type == FileSystemType);

    private static string? LinkTarget(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // It does not exist, or nobody may look: whoever uses the path says so.
        }
    }
}
